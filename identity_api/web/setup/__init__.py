"""The set-up pages for a customer's IT, who has a link and no account.

    routes      one page for each step, and its forms
    views       what each step shows
    rendering   templates, escaped (Jinja2, autoescape); the look and the scripts are the console's
    templates/  Jinja2 templates     catalogue/  texts, one file for each language

The link's token moves from its address into a cookie of its own, which only these pages read (`sessions.cookies`). It is
checked with every request. Forms are accepted from these pages alone (`web.http.origins`).
"""
