"""A QR code as SVG inside a page: no script, no other request, nothing that the content security policy forbids."""

import segno


def qr_code(text: str) -> str:
    """The code of a text as SVG, black on white with its quiet zone, whatever the page's colours are (ISO/IEC 18004).

    It is made of numbers: the text is in it as squares alone, so a template need not escape it.
    """
    code = segno.make(text, micro=False, error="m")
    return code.svg_inline(border=4, light="#fff", omitsize=True, svgclass=None, lineclass=None)
