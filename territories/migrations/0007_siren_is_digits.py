from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("territories", "0006_forget_stated_sirens")]

    operations = [
        # What is no SIREN vouches for nothing.
        migrations.RunSQL(
            "UPDATE territories_organisation SET siren = '' WHERE siren !~ '^[0-9]{9}$' AND siren <> ''",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name="organisation",
            constraint=models.CheckConstraint(
                condition=models.Q(("siren", ""), ("siren__regex", "^\\d{9}$"), _connector="OR"),
                name="territories_organisation_siren_is_9_digits",
                violation_error_message="Un SIREN compte 9 chiffres.",
            ),
        ),
    ]
