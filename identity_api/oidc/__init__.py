"""OpenID Connect and OAuth 2.0, as values in and values out.

Pure: joserfc and the standard library; no database, framework, socket or clock. One function makes a request, another
checks the response; `upstream` sends the request.
"""
