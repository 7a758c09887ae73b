"""A browser's page that is watched: whatever breaks the content policy, errs, or runs a canary is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

BROWSER = "Memwrit tests"
"""What the tests' browsers call themselves; sessions are bound to it."""
CANARY = """<img src=x onerror="canary('img')"><script>canary('script')</script>"'><svg onload=canary('svg')>{{7*7}}"""
"""A text that runs, if it stands anywhere unescaped; even then the policy stops it, and that is seen too."""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_LISTEN = """document.addEventListener("securitypolicyviolation",
  (event) => window.violated(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))"""


@dataclass
class Watch:
    """What went wrong in a browser context."""

    violations: list[str] = field(default_factory=list)
    canaries: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> Watch:
        context.expose_function("violated", lambda what: self.violations.append(what))
        context.expose_function("canary", lambda what: self.canaries.append(what))
        context.add_init_script(_LISTEN)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", self._said)
        return self

    def require_quiet(self) -> None:
        assert self.violations == []
        assert self.canaries == []
        assert self.errors == []

    def _said(self, message) -> None:  # type: ignore[no-untyped-def]
        # A refusal's status is told as an error too: that is no fault of the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)


def require_accessible(page: Page) -> None:
    """axe-core finds nothing against WCAG 2.2 AA, in light and in dark; one h1, and a main landmark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}}).response["violations"]
        told = [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found]
        assert told == [], (scheme, page.url, told)
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
