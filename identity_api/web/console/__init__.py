"""The console: what a tenant's admins read and change, as pages.

    pages       every page: its address, its document and template, and who sees it in the navigation
    forms       every form: its mutation, the page that shows its problem, and the page after a success
    asking      calls the GraphQL API in this process, as the user of the session
    routes      one handler for every page and every form
    rendering   templates, escaped (Jinja2, autoescape)
    texts       the catalogue of texts, one file for each language
    documents/  GraphQL documents     templates/  Jinja2 templates     catalogue/  texts     static/  scripts

Decision: each page is one GraphQL document and one template.
  Context: a program can do everything that an admin can do; rules about who may read what exist once.
  Decision: the console uses only the API's endpoint. The access table, limits and typed problems of the API apply to
  the console; forms call mutations, and a problem is shown beside its form.
  Consequences: what a page needs and the API lacks is added to the API. A page costs the encoding of one more answer.
  Alternatives: reading through `db` (a second set of access rules); a single-page application (a second build,
  and nothing works without JavaScript).
"""
