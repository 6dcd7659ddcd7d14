"""Check whether a text from a provider can be stored unchanged."""


def is_storable(text: str) -> bool:
    """Whether the text has neither NUL, which PostgreSQL cannot store, nor a lone surrogate, which is not Unicode.

    A JSON parser produces both from escapes. They are refused rather than removed: removing them would turn one name
    into another.
    """
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
