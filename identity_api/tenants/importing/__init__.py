"""Read other systems' provider settings into declarations for `apply`.

    infrahub               TOML and environment variables: slots of two protocols
    sysreptor              a JSON object of provider ids
    inference              JSON tenants, and TENANT_OIDC_* variables
    reinfer                a small TOML form
    federated_directory    a small TOML form
    recognise              finds which system a file is from

Pure: nothing is fetched and nothing is written. A setting that cannot be imported unchanged stops the import, with all
problems at once; a setting that becomes different is a notice. Neither holds a secret.
"""

from identity_api.tenants.importing.federated_directory import read_federated_directory
from identity_api.tenants.importing.form import Imported, Target
from identity_api.tenants.importing.inference import read_inference, read_inference_environment
from identity_api.tenants.importing.infrahub import read_infrahub
from identity_api.tenants.importing.recognise import read_any, read_variables
from identity_api.tenants.importing.reinfer import read_reinfer
from identity_api.tenants.importing.sysreptor import read_sysreptor

__all__ = [
    "Imported",
    "Target",
    "read_any",
    "read_federated_directory",
    "read_inference",
    "read_inference_environment",
    "read_infrahub",
    "read_reinfer",
    "read_sysreptor",
    "read_variables",
]
