"""The hub's pages as a person uses them: read a page, fill in its form, press its button.

Source: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html (what a form sends)
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Final, Self

import httpx

from shared.errors import InvalidResource, Unavailable

_UNSENT: Final = frozenset({"submit", "button", "image", "reset", "file"})


@dataclass
class Form:
    """A form of a page.

    Attributes:
        fields: what it would send as it stands: hidden inputs, filled fields, chosen options.
        names: every field it has, chosen or not.
        text: what a person reads in it.
    """

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    text: str = ""


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", "")))
            self._open = True
        elif self._open and "name" in given and tag in {"input", "textarea", "button", "select"}:
            self._add(self.found[-1], tag, given)
        elif self._open and tag == "option" and (self._select not in self.found[-1].fields or "selected" in given):
            self.found[-1].fields[self._select] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[-1].text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    def _add(self, form: Form, tag: str, given: dict[str, str]) -> None:
        form.names.add(given["name"])
        kind = given.get("type", "text")
        chosen = "checked" in given if kind in {"radio", "checkbox"} else kind not in _UNSENT and tag != "button"
        if tag == "select":
            self._select = given["name"]
        elif chosen:
            form.fields[given["name"]] = given.get("value", "")


def forms_of(page: str) -> list[Form]:
    """The forms of a page, in its order."""
    parser = _Forms()
    parser.feed(page)
    return parser.found


class Browser:
    """A person's browser without a picture: cookies, redirects, the Origin header.

    Args:
        hub: the hub's public address.
    """

    def __init__(self, hub: str) -> None:
        self._http = httpx.Client(
            base_url=hub, headers={"Accept": "text/html", "Origin": hub}, timeout=30, follow_redirects=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def open(self, path: str) -> str:
        """A page.

        Raises:
            Unavailable: it cannot be had.
        """
        return _page(self._http.get(path))

    def cookie(self, name: str) -> str:
        """A cookie that the hub gave."""
        return str(self._http.cookies[name])

    def submit(self, path: str, action: str, **answers: str) -> str:
        """Fill in the form of a page that leads to `action`, send it, and return the page that follows.

        Raises:
            InvalidResource: the page has no such form, or the form no such field.
            Unavailable: the hub says no.
        """
        form = next(
            (form for form in forms_of(self.open(path)) if form.action.partition("?")[0].endswith(action)), None
        )
        if form is None or not answers.keys() <= form.names:
            raise InvalidResource(f"The page {path} has no form {action} with the fields {sorted(answers)}")
        return _page(self._http.post(form.action or path, data={**form.fields, **answers}))


def _page(answer: httpx.Response) -> str:
    if not answer.is_success:
        raise Unavailable(
            f"The page {answer.url.path} answers {answer.status_code}", fix="Look at the log of its service."
        )
    return answer.text
