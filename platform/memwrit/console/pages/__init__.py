"""The console's pages, a module each. A module exports `urlpatterns`, and `NAV` if the navigation leads to it.

They are collected by `memwrit.console.navigation`: a page that has not landed is simply not there.
"""
