"""Spans, and the way of a trace from a request to the work it owes (W3C Trace Context, one line of hex digits)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from foundation.telemetry.names import Attribute, Name, Value, Word, of_error, told

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

Attributes = Mapping[Attribute, Value]
LONGEST = 55
"""Characters of a `traceparent`."""


class Span(Protocol):
    """A span under way."""

    def set(self, attribute: Attribute, value: Value) -> None: ...

    def rename(self, name: Word) -> None: ...

    def fail(self) -> None:
        """It ended badly, though without an exception."""


class Entered(Protocol):
    """What `span` returns: `with` it."""

    def __enter__(self) -> Span: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Nothing:
    """No span: what there is while nothing is told."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def set(self, attribute: Attribute, value: Value) -> None:
        """Told to nobody."""

    def rename(self, name: Word) -> None:
        """Told to nobody."""

    def fail(self) -> None:
        """Told to nobody."""


_NOTHING = _Nothing()
_tracer: trace.Tracer | None = None


def trace_with(tracer: trace.Tracer | None) -> None:
    """From now on make spans with `tracer`; None ends it."""
    global _tracer
    _tracer = tracer


def tracing() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def span(name: Name, attributes: Attributes | None = None, *, after: Sequence[str] | None = None) -> Entered:
    """A span around the block, below the one that is open. `after`: the `traceparent`s of what caused it (none valid:
    a trace of its own); of one trace it becomes a part, to several it is linked.

    An exception's class is told, never its message.
    """
    return _NOTHING if _tracer is None else _Live(_tracer, name, attributes or {}, after)


def carry() -> str:
    """The open span as a `traceparent`, for what will be done later; empty when there is none."""
    if _tracer is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


def current_ids() -> tuple[str, str] | None:
    """Trace and span now open, as 32 and 16 hex digits."""
    if _tracer is None:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)


class _Live:
    """One span of OpenTelemetry's: begun on entering, ended on leaving, its exception told by its class."""

    __slots__ = ("_after", "_attributes", "_name", "_span", "_token", "_tracer")
    _span: trace.Span
    _token: Token[Context]

    def __init__(self, tracer: trace.Tracer, name: Name, given: Attributes, after: Sequence[str] | None) -> None:
        self._tracer, self._name, self._after = tracer, name, after
        self._attributes: dict[str, Any] = {key.value: told(value) for key, value in given.items()}

    def __enter__(self) -> Self:
        from opentelemetry import context, trace

        parent, links = _caused_by(self._after)
        self._span = self._tracer.start_span(
            self._name.value,
            context=parent,
            kind=_kind(self._name),
            attributes=self._attributes,
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        )
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from opentelemetry import context

        context.detach(self._token)
        if error is not None:
            self._tell(error)
        self._span.end()

    def set(self, attribute: Attribute, value: Value) -> None:
        self._span.set_attribute(attribute.value, told(value))

    def rename(self, name: Word) -> None:
        self._span.update_name(str(told(name)))

    def fail(self) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_status(StatusCode.ERROR)

    def _tell(self, error: BaseException) -> None:
        """A refusal (a `Problem` below 500) is an outcome, and no error of ours."""
        self.set(Attribute.ERROR, of_error(error))
        if getattr(error, "status", 500) >= 500:
            self.fail()


_KINDS = {Name.REQUEST: "SERVER", Name.WORK: "CONSUMER", Name.OPENSEARCH: "CLIENT"}


def _kind(name: Name) -> trace.SpanKind:
    from opentelemetry.trace import SpanKind

    return SpanKind[_KINDS.get(name, "INTERNAL")]


def _caused_by(after: Sequence[str] | None) -> tuple[Context | None, list[trace.Link]]:
    """The context to begin in, and links to what caused it."""
    if after is None:
        return None, []
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    read = TraceContextTextMapPropagator().extract
    contexts = [read({"traceparent": each}, context=Context()) for each in dict.fromkeys(after) if each]
    spans = [trace.get_current_span(each).get_span_context() for each in contexts]
    links = [trace.Link(each) for each in spans if each.is_valid]
    if len({each.context.trace_id for each in links}) == 1:
        return contexts[[each.is_valid for each in spans].index(True)], links
    return Context(), links
