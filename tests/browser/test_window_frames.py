"""The page reads hard frames at least as well as was measured once (docs/window-frames.md)."""

from __future__ import annotations

from playwright.sync_api import Browser

from scripts.processes import free_port
from tests.browser.browser import serving, watching
from tests.browser.frames import APP, KINDS, frames, read_in_page

STEPS = 4  # of each kind of trouble: 28 frames
AT_LEAST = 19  # of these frames; 21 were read when it was measured


def test_hard_frames_are_read_in_the_page(browser: Browser) -> None:
    found = list(frames(steps=STEPS))
    with serving(APP, free_port()) as origin, watching(browser) as seen:
        seen.page.goto(origin)
        answers = read_in_page(seen.page, found)
    right = [frame.kind for frame, answer in zip(found, answers, strict=True) if frame.text in answer["texts"]]
    wrong = [answer for frame, answer in zip(found, answers, strict=True) if set(answer["texts"]) - {frame.text}]
    assert wrong == []
    assert set(right) == set(KINDS)  # each kind without trouble, at least
    assert len(right) >= AT_LEAST, sorted(right)
