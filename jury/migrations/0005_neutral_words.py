"""Words of the jury that name no one’s gender; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jury", "0004_typography"),
    ]

    operations = [
        migrations.AlterField(
            model_name="attendancerow",
            name="attendance",
            field=models.CharField(
                choices=[
                    ("present", "en séance"),
                    ("remote", "à distance"),
                    ("proxy", "par procuration"),
                    ("absent", "absence"),
                ],
                max_length=8,
                verbose_name="présence",
            ),
        ),
        migrations.AlterField(
            model_name="juror",
            name="is_chair",
            field=models.BooleanField(default=False, verbose_name="préside le jury"),
        ),
        migrations.AlterField(
            model_name="opinion",
            name="casting_vote",
            field=models.CharField(
                blank=True,
                choices=[("for", "pour"), ("against", "contre")],
                max_length=7,
                verbose_name="voix prépondérante de la présidence",
            ),
        ),
    ]
