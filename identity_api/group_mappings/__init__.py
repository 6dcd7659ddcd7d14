"""Group mappings and the tenant's permissions: edit and apply.

    edit.make, edit.preview     a change made, or looked at beforehand; grants have to follow
    rules                       what every edit obeys (I8)
    impact                      who gains and who loses by an edit
    apply.apply_changes         grants follow, in chunks; run by the worker, safe to repeat
    findings.find               what reaches nobody, and who is reached by nothing
    catalogue                   the tenant's own permissions

Removals are in force when an edit commits, because what is in force depends on live mapping rows (I1); additions arrive
with `apply`.
"""
