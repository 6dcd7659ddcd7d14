"""Group mappings and the tenant's permissions: edit and apply.

    edit.create / edit.update / edit.delete     one mutation each: rules of I8, rows, and a note that grants must follow
    apply.apply_changes                         grants follow, in chunks; run by the worker, safe to repeat
    catalogue                                   the tenant's own permissions

Removals are in force when an edit commits, because force asks for live mapping rows (I1); additions arrive with `apply`.
"""
