"""Group mappings and the tenant's permissions: edit and apply.

    edit.make, edit.preview     make a change, or preview it; grants have to follow
    rules                       rules for every edit (I8)
    impact                      who gains and who loses permissions by an edit
    apply.apply_changes         grants follow, in chunks; run by the worker, safe to repeat
    findings.find               mappings that reach nobody, and groups that no mapping matches
    catalogue                   the tenant's own permissions

Removals are in force when an edit commits, because what is in force depends on live mapping rows (I1); additions arrive
with `apply`.
"""
