"""A SIREN taken from the SIRET that an applicant stated vouches for nothing: it is forgotten, the SIRET stays.

What the referential gives to the same territory, in any vintage, is kept.
"""

from django.db import migrations

FORGET = """
UPDATE territories_organisation AS organisation
   SET siren = ''
 WHERE siren <> ''
   AND territory_code <> ''
   AND siret LIKE siren || '%'
   AND NOT EXISTS (
       SELECT 1 FROM territories_territory AS territory
        WHERE territory.kind = organisation.kind
          AND territory.code = organisation.territory_code
          AND territory.siren = organisation.siren
   )
"""


class Migration(migrations.Migration):
    dependencies = [("territories", "0005_affiliation_end_reason")]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
