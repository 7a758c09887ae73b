"""The compliance console: server-rendered pages with htmx over the same services and selectors as the API."""
