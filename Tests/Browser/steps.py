"""Does to a page what a list of steps says, with a headless Chromium, and prints as JSON what they gave, what the browser complained
of, and what was asked for.

    steps.py < STEPS.json

A step is a list of its name, what it is done with, and an object of more where there is more. EXPRESSION is evaluated in the page; a
place is [x, y] in CSS pixels of the window.

    ["open", ADDRESS]                   ["value", EXPRESSION]               gives what it is
    ["wait", EXPRESSION]                ["size", [WIDTH, HEIGHT], {"touch": true}]
    ["scheme", "dark", {"media": "print"}]
    ["before", SOURCE]                                  runs in each page that is opened, before all else
    ["press", KEY, {"shift": true}]     ["type", TEXT]
    ["move", EXPRESSION]                to a place
    ["click", EXPRESSION]               on a place; {"shift": true, "count": 2}
    ["drag", EXPRESSION]                from [x, y, x, y]; {"shift": true}
    ["wheel", EXPRESSION, {"by": [x, y], "ctrl": true, "shift": true}]
    ["pinch", EXPRESSION]               two fingers: [[x, x, y], [x, x, y]]
    ["screenshot", PATH]                ["print", PATH]                     as PDF
"""

import base64
import json
import sys

from devtools import Browser

CODES = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
# As the protocol's Input domain numbers them.
CONTROL, SHIFT = 2, 8


class Steps:
    def __init__(self, page):
        self.page = page
        self.values = []

    def do(self, name, argument, more=None):
        more = more or {}
        modifiers = (SHIFT if more.get("shift") else 0) | (CONTROL if more.get("ctrl") else 0)
        getattr(self, f"do_{name}")(argument, more, modifiers)

    def do_open(self, address, *_):
        self.page.open(address)

    def do_value(self, expression, *_):
        self.values.append(self.page.value(expression, 300))

    def do_wait(self, expression, *_):
        self.page.wait(expression)

    def do_size(self, size, step, _):
        self.page.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
        self.page.call("Emulation.setTouchEmulationEnabled", enabled=step.get("touch", False))

    def do_scheme(self, scheme, step, _):
        self.page.call("Emulation.setEmulatedMedia", media=step.get("media", ""), features=[{"name": "prefers-color-scheme", "value": scheme}])

    def do_before(self, source, *_):
        self.page.call("Page.addScriptToEvaluateOnNewDocument", source=source)

    def do_press(self, key, _, modifiers):
        event = {"key": key, "windowsVirtualKeyCode": CODES.get(key, ord(key[0].upper())), "modifiers": modifiers}
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        self.page.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
        self.page.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def do_type(self, text, *_):
        self.page.call("Input.insertText", text=text)

    def mouse(self, kind, x, y, modifiers, **more):
        self.page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, modifiers=modifiers, **more)

    def do_move(self, place, _, modifiers):
        self.mouse("mouseMoved", *self.page.value(place), modifiers)

    def do_click(self, place, step, modifiers):
        x, y = self.page.value(place)
        self.mouse("mouseMoved", x, y, modifiers)
        for count in range(1, step.get("count", 1) + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.mouse(kind, x, y, modifiers, button="left", clickCount=count)

    def do_drag(self, places, _, modifiers):
        x, y, to_x, to_y = self.page.value(places)
        self.mouse("mousePressed", x, y, modifiers, button="left", clickCount=1)
        for part in range(1, 9):
            self.mouse("mouseMoved", x + (to_x - x) * part / 8, y + (to_y - y) * part / 8, modifiers, button="left", buttons=1)
        self.mouse("mouseReleased", to_x, to_y, modifiers, button="left", clickCount=1)

    def do_wheel(self, place, step, modifiers):
        x, y = self.page.value(place)
        self.mouse("mouseWheel", x, y, modifiers, deltaX=step["by"][0], deltaY=step["by"][1])

    def do_pinch(self, places, *_):
        (a, b, y), (to_a, to_b, to_y) = self.page.value(places)

        def touch(kind, points):
            self.page.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": id} for id, (x, y) in enumerate(points)])

        touch("touchStart", [(a, y), (b, y)])
        for part in range(1, 9):
            now = y + (to_y - y) * part / 8
            touch("touchMove", [(a + (to_a - a) * part / 8, now), (b + (to_b - b) * part / 8, now)])
        touch("touchEnd", [])

    def do_screenshot(self, path, *_):
        self.page.screenshot(path)

    def do_print(self, path, *_):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.page.call("Page.printToPDF")["data"]))


def main():
    with Browser() as page:
        steps = Steps(page)
        for number, step in enumerate(json.load(sys.stdin), 1):
            try:
                steps.do(*step)
            except Exception as error:
                sys.exit(f"step {number}, {json.dumps(step)[:300]}: {error}")
        print(json.dumps({"values": steps.values, "complaints": page.complaints, "requests": page.requests}))


main()
