"""The console as a person meets it: with eyes, a keyboard, a phone, and somebody's bad payload."""

from __future__ import annotations

import re

import pytest

from tests.unit.api.world import PARTY, TICKETS, raw_letter, record

pytestmark = pytest.mark.chromium

PAGES = [
    "/", "/streams", "/routes", "/letters", "/letters/l0", "/letters/l4", "/letters/l5", "/drift",
    "/records", "/events",
]  # fmt: skip
LONG = "an_unbroken_name_" * 12

CONTRAST = """() => {
  const parse = (text) => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => {
      v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      if (at.classList?.contains("log")) return getComputedStyle(at.querySelector("rect")).fill;
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "white";
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility({visibilityProperty: true})) continue;
    if (element.closest(".skip, dialog:not([open]), :disabled, thead")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(parse(ground(element)))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${element.className || element.tagName} ${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 30)}`);
  }
  return [...new Set(low)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_pages_fit_can_be_read_and_are_free_of_errors(look, world, tmp_path, scheme, width):
    await world.ingest(
        TICKETS,
        [record(PARTY, 7, 0, LONG, name=LONG)],
        [raw_letter("l9", b'{"%s": 1}' % LONG.encode(), f"`{LONG}` is odd", key=LONG, code="odd")],
    )
    async with look("/", scheme=scheme, width=width) as page:
        for path in [*PAGES, "/letters/l9"]:
            await page.goto(path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert await page.evaluate(CONTRAST) == [], path
            await page.evaluate(
                "document.querySelectorAll('main details').forEach((d) => d.open = true)"
            )
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
            shot = await page.screenshot(path=tmp_path / "page.png", full_page=True)
            assert len(shot) > 5_000
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        lightness = sum(map(int, re.findall(r"\d+", ground)[:3]))
        assert lightness > 600 if scheme == "light" else lightness < 150


async def test_payload_is_shown_as_text_and_runs_nothing(look, world):
    evil = (
        "<script>window.hit=1</script><img src=x onerror='window.hit=2'><svg onload='window.hit=3'>"
    )
    body = b'{"name": "' + evil.encode() + b'", "' + evil.encode() + b'": 1}'
    await world.ingest(
        TICKETS,
        [record(PARTY, 7, 0, evil, name=evil)],
        [raw_letter("l9", body, f"`name`: there was {evil}", key=evil, code="x_y")],
    )
    async with look("/letters/l9") as page:
        assert evil in await page.inner_text(".code")
        for path in ("/letters/l9", "/letters", "/", "/records", "/letters?text=" + evil):
            await page.goto(path)
            assert await page.evaluate("window.hit") is None
            assert (
                await page.evaluate("document.querySelectorAll('main img, main script').length")
                == 0
            )


async def test_script_that_gets_in_would_not_run(look):
    async with look("/", allowed=("Content Security Policy", "violates")) as page:
        await page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=\"/static/logo.svg\" onload=\"window.hit=1\">')"
        )
        await page.evaluate(
            "(() => { const s = document.createElement('script'); s.textContent = 'window.hit=2';"
            " document.body.append(s); })()"
        )
        await page.wait_for_timeout(200)
        assert await page.evaluate("window.hit") is None


async def test_a_letter_is_found_understood_and_replayed_by_keyboard_alone(look, world):
    async with look("/") as page:
        key = page.keyboard
        await key.press("4")
        await page.wait_for_url("**/letters")
        await key.press("/")
        await key.type("0000-00-00")
        await key.press("Enter")
        await page.wait_for_url("**text=0000-00-00**")
        await key.press("j")
        await key.press("j")
        await key.press("k")
        assert await page.evaluate("document.activeElement.className") == "row"
        await key.press("Enter")
        await page.wait_for_url("**/letters/l3")
        assert "created" in await page.inner_text(".marked")
        await key.press("f")
        assert await page.evaluate("document.activeElement.textContent") == "Forecast"
        await key.press("Enter")
        await page.wait_for_url("**/replays/1")
        assert "would resolve the letter" in await page.inner_text("main")
        await key.press("r")
        assert await page.evaluate("document.activeElement.textContent") == "Replay 1 letter"
        assert [dry for _, dry, _, _ in world.replayed] == [True]
        await key.press("Enter")
        await page.wait_for_url("**/replays/2")
        assert "went in again" in await page.inner_text("main")
    assert [dry for _, dry, _, _ in world.replayed] == [True, False]
    assert (await world.store.letters.counts())["open"] == 5


async def test_tab_reaches_everything_in_order_and_shows_where_it_is(look):
    async with look("/letters") as page:
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        assert (await page.locator(".skip").bounding_box())["y"] >= 0
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        seen = []
        for _ in range(60):
            await page.keyboard.press("Tab")
            here = await page.evaluate(
                "(() => { const e = document.activeElement; if (!e || e === document.body) return null;"
                " const s = getComputedStyle(e); const b = e.getBoundingClientRect();"
                " return [e.textContent.trim().slice(0, 20) || e.name, s.outlineStyle !== 'none'"
                " && parseFloat(s.outlineWidth) >= 2, b.width > 0 && b.height > 0]; })()"
            )
            if here is None:
                break
            seen.append(here)
        names = [name for name, _, _ in seen]
        assert names.index("text") < names.index("Filter") < names.index("Show")
        assert "Forecast replay" in names
        assert all(outlined and visible for _, outlined, visible in seen), seen


async def test_what_happens_appears_by_itself_and_takes_no_focus_away(look, world):
    async with look("/letters") as page:
        await page.keyboard.press("j")
        focused = await page.evaluate("document.activeElement.getAttribute('href')")
        await page.evaluate("document.activeElement.same = true")
        await world.ingest(TICKETS, [], [raw_letter("m1", b"{}", "`new` is absent", minutes=30)])
        await page.wait_for_selector("a[href='/letters/m1']", timeout=20_000)
        assert await page.evaluate("document.activeElement.getAttribute('href')") == focused
        assert await page.evaluate("document.activeElement.same") is True
        badge = page.locator("#counts a[href='/letters'] .badge")
        assert await badge.inner_text() == "7"


async def test_an_opened_record_stays_open_while_the_page_renews(look, world):
    async with look("/records") as page:
        await page.click("#r25 summary")
        await world.ingest(TICKETS, [record(TICKETS, 8, 0, "fresh", subject="Just now")])
        await page.wait_for_selector("#r26", timeout=20_000)
        assert await page.evaluate("document.querySelector('#r25 details').open") is True
        assert "Pump 19 leaks" in await page.inner_text("#r25")


async def test_help_opens_and_closes_by_keyboard(look):
    async with look("/") as page:
        await page.keyboard.press("?")
        assert await page.is_visible("dialog#help")
        await page.keyboard.press("Escape")
        assert not await page.is_visible("dialog#help")
        await page.keyboard.press("6")
        await page.wait_for_url("**/records")


async def test_drift_is_accepted_with_a_click(look, world):
    async with look("/drift", width=360) as page:
        await page.click("text=Accept, and go on")
        await page.wait_for_selector("text=Every stream keeps its promise.")
    assert world.accepted == [("d1", None, "local")]


async def test_motion_rests_for_who_asks_for_that(chromium, url):
    context = await chromium.new_context(reduced_motion="reduce", base_url=url)
    page = await context.new_page()
    await page.goto("/")
    running = await page.evaluate("document.getAnimations().length")
    await context.close()
    assert running == 0
