"""docs/configuration.md, written from the table of settings so that the two cannot differ."""

from itertools import groupby

from identity_api.config.table import CONFIG_FILE_VARIABLE, SETTINGS, Setting

_INTRODUCTION = f"""# Configuration

Settings come from environment variables and, where `{CONFIG_FILE_VARIABLE}` names one, from a TOML file. A variable
wins over the file. In the file a setting has the same name in lower case, without `IDENTITY_`:

```toml
public_url = "https://identity.example.com"
trusted_proxies = ["10.0.0.0/8"]
```

An unknown name, a wrong type, a value out of bounds or a missing key stops the start with exit code 78 and a list of
all problems; no value is repeated in it. A settings file that holds a secret (marked below) must not be readable by
others (`chmod 600`).

Lists are separated by commas in the environment.
"""

_KEYS = """
## Making and changing keys

`dev` makes its own `keys.toml` in the data directory. `serve` never makes one:

```sh
echo "IDENTITY_SECRET_KEYS=$(date +%Y%m):$(openssl rand -base64 32)"
```

To change the key, put a new one first and keep the old one behind it (`new:...,old:...`): the first seals, all open.
Remove the old key when nothing is sealed with it any more.
"""


def configuration_markdown() -> str:
    """The whole document, ending in a newline."""
    parts = [_INTRODUCTION]
    for section, settings in groupby(sorted(SETTINGS, key=_section_order), key=lambda setting: setting.section):
        parts.append(
            f"\n## {section}\n\n| variable | what | type | default | bounds |\n| --- | --- | --- | --- | --- |\n"
        )
        parts.extend(_row(setting) for setting in settings)
    parts.append(_KEYS)
    return "".join(parts)


def _section_order(setting: Setting) -> int:
    sections = list(dict.fromkeys(row.section for row in SETTINGS))
    return sections.index(setting.section)


def _row(setting: Setting) -> str:
    secret = " **Secret.**" if setting.is_secret else ""
    default = setting.default_text or f"`{setting.default}`"
    bounds = "" if setting.minimum is None else f"{setting.minimum} to {setting.maximum} {setting.unit}".rstrip()
    return f"| `{setting.variable}` | {setting.help}{secret} | {setting.kind} | {default} | {bounds} |\n"
