from django.db import migrations, models


def demonstration_passwords_are_long(apps, schema_editor):
    """Nobody knows how long a password already chosen is, save those that the demonstration draws: 19 characters."""
    people = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    people.filter(is_demonstration=True).update(is_password_long=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_typography")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="is_password_long",
            field=models.BooleanField(
                db_default=False, default=False, editable=False, verbose_name="mot de passe d’au moins seize caractères"
            ),
        ),
        migrations.RunPython(demonstration_passwords_are_long, migrations.RunPython.noop),
    ]
