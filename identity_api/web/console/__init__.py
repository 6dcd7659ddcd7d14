"""The console: what a tenant's admins see and change, as pages.

    pages       every page: its address, its document and template, for whom it is in the navigation
    forms       every form: its mutation, the page that shows its problem, where it leads
    asking      asks the GraphQL API in this process, as the person whose session it is
    routes      one handler for every page and every form
    rendering   templates, escaped (Jinja2, autoescape)
    texts       the catalogue of texts, one file for each language
    documents/  what is asked     templates/  how it is shown     catalogue/  what is written     static/  scripts

Decision: each page is one GraphQL document and one template.
  Context: whatever an admin can do, a program can do; rules about who may see what exist once.
  Decision: the console knows the API's endpoint and nothing behind it. The access table, the limits and the typed problems
  of the API are the console's own; forms post to mutations, and a problem is shown beside its form.
  Consequences: what a page needs and the API lacks is added to the API. A page costs the encoding of one answer more.
  Alternatives: reading through `db` (a second set of access rules); an application of scripts (a second build, and nothing
  works without JavaScript).
"""
