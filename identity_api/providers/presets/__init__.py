"""Well-known providers as data. A preset fills in settings that all its customers share; explicit settings win.

`apply_preset` turns the fields of a declared provider, of which `preset` names one of `PRESETS`, into complete fields.
"""

from identity_api.providers.presets.apply import PRESETS, apply_preset
from identity_api.providers.presets.preset import Alternative, Parameter, Preset

__all__ = ["PRESETS", "Alternative", "Parameter", "Preset", "apply_preset"]
