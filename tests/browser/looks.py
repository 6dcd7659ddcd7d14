"""What is wrong with a page for somebody with a telephone, a keyboard, weak sight or a screen reader (WCAG 2.2, A and AA).

`shortcomings` names everything it finds, so that one run of a test shows all of it. It changes the window's width and the
preferred colours and puts them back; the page's own scripts need not run for that.
"""

from playwright.async_api import Page

NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1_100, "height": 800}

_STRUCTURE = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const found = [];
  const say = (condition, text) => { if (condition) found.push(text); };
  const text = (one) => (one.innerText || one.getAttribute('alt') || '').trim();
  say(document.documentElement.lang !== 'en', 'no lang');
  say(document.title.trim() === '', 'no title');
  say(all('main').length !== 1, 'not one main');
  say(all('h1').length !== 1, `${all('h1').length} h1`);
  say(all('script:not([src]), style, [style]').length > 0, 'an inline script or style');
  const levels = all('h1, h2, h3, h4').map((one) => Number(one.tagName[1]));
  levels.forEach((level, at) => say(level > (levels[at - 1] ?? 0) + 1, `h${level} after h${levels[at - 1] ?? 0}`));
  for (const one of all('input:not([type=hidden]), select, textarea')) {
    say(one.labels.length !== 1 || one.labels[0].textContent.trim() === '', `no label: ${one.name}`);
    say(one.matches('input') && !one.autocomplete, `no autocomplete: ${one.name}`);
  }
  const shown = all('a, button').filter((one) => one.checkVisibility());
  for (const one of shown) say(text(one) === '', `nothing written on ${one.outerHTML}`);
  for (const one of all('img')) say(!one.hasAttribute('alt'), `no alt: ${one.outerHTML.slice(0, 60)}`);
  const ids = all('[id]').map((one) => one.id);
  say(new Set(ids).size !== ids.length, 'an id twice');
  for (const name of ['aria-labelledby', 'aria-describedby'])
    for (const one of all(`[${name}]`))
      for (const id of one.getAttribute(name).split(' ')) say(!ids.includes(id), `${name} leads nowhere: ${id}`);
  return found;
}"""

_SPACE = """() => {
  const width = document.scrollingElement.scrollWidth, found = [];
  if (width > innerWidth) found.push(`scrolls sideways: ${width} of ${innerWidth}`);
  for (const one of document.querySelectorAll('body *')) {
    const box = one.getBoundingClientRect();
    if (one.closest('.unseen') || box.width === 0) continue;
    if (box.right > innerWidth + .5 || box.left < -.5) found.push(`out of the window: ${one.outerHTML.slice(0, 80)}`);
    if (one.scrollWidth > one.clientWidth + 1 && one.matches('p, li, dd, code, button, a, h1, h2, h3, span.badge'))
      if (getComputedStyle(one).display !== 'inline') found.push(`text is cut off: ${one.outerHTML.slice(0, 80)}`);
    // 2.5.8; links within a sentence are excepted there.
    const isAlone = one.matches('button, input:not([type=hidden]), select, textarea, a.button, a.choice');
    if (isAlone && (box.width < 24 || box.height < 24)) found.push(`too small: ${one.outerHTML.slice(0, 80)}`);
  }
  return found;
}"""

_CONTRAST = """() => {
  const channels = (colour) => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return { rgb: found.slice(0, 3), alpha: found[3] ?? 1 };
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((one) => one / 255).map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + .05) / (low + .05);
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const { rgb, alpha } = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return rgb;
      if (alpha > 0) throw new Error('a translucent ground');
    }
    throw new Error('the page has no ground');
  };
  const found = [];
  const judge = (what, one, other, least) => {
    const reached = ratio(one, other);
    if (reached < least) found.push(`contrast of ${what}: ${reached.toFixed(2)}, not ${least}`);
  };
  for (const one of document.querySelectorAll('body *:not(svg, svg *)')) {
    const own = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
    const style = getComputedStyle(one);
    const what = `${one.tagName} ${one.className} "${one.innerText.slice(0, 30)}"`;
    if (own) judge(what, channels(style.color).rgb, ground(one), 4.5);
    if (one.matches('input:not([type=hidden]):not([readonly]), select, textarea'))
      judge(`the border of ${one.name}`, channels(style.borderTopColor).rgb, ground(one.parentElement), 3);
  }
  return found;
}"""

_REACHED = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')].filter(
  // What is folded away takes no turn.
  (one) => one.checkVisibility())"""

_FOCUS = """() => {
  const one = document.activeElement;
  if (one === null || one === document.body || one === document.documentElement) return null;
  const all = (REACHED)();
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const isSeen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const isInside = box.bottom > 0 && box.top < innerHeight && box.left >= -.5 && box.right <= innerWidth + .5;
  return { at: all.indexOf(one), isSeen, isInside, what: one.outerHTML.slice(0, 80) };
}""".replace("REACHED", _REACHED)


async def shortcomings(page: Page) -> list[str]:
    """Everything that is wrong with the page as it is now, in words."""
    found: list[str] = await page.evaluate(_STRUCTURE)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {one}" for one in await page.evaluate(_CONTRAST)]
    await page.emulate_media(color_scheme="light")
    for size in (NARROW, WIDE):
        await page.set_viewport_size(size)
        found += [f"{size['width']} px: {one}" for one in await page.evaluate(_SPACE)]
    await page.set_viewport_size(NARROW)
    return found + await _keyboard(page)


async def _keyboard(page: Page) -> list[str]:
    """Tab once through the page: everything is met, in the order of the page, and seen to be."""
    count = await page.evaluate(f"({_REACHED})().length")
    order: list[int] = []
    found: list[str] = []
    # The window's own controls, between the last and the first, take no turn without a screen; some `body` may.
    # A date is typed in parts, each with a turn of its own.
    parts = 4 * await page.locator("input[type=date]").count()
    for _ in range(count + parts + 2):
        await page.keyboard.press("Tab")
        focus = await page.evaluate(_FOCUS)
        if focus is None or focus["at"] in order:
            continue
        order.append(focus["at"])
        if not focus["isSeen"]:
            found.append(f"the focus cannot be seen on {focus['what']}")
        if not focus["isInside"]:
            found.append(f"the focus is outside the window on {focus['what']}")
    missed = set(range(count)) - set(order)
    if missed:
        found.append(f"not reached by Tab: {sorted(missed)} of {count}")
    # It may begin in the middle, where a field has the focus when the page is opened.
    first = order.index(min(order)) if order else 0
    if order[first:] + order[:first] != sorted(order):
        found.append(f"Tab goes to and fro: {order}")
    return found
