"""`python -m identity_api` is the same as `identity-api`."""

from identity_api.cli import main

if __name__ == "__main__":
    main()
