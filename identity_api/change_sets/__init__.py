"""Change sets: changes of mappings, permissions and grants by hand, previewed and made together, all or none.

    changes.Change      one change, as data
    undo.inverses       the changes that would undo an event of the record: one change, or a whole set
    run.preview         what a set would change and whom it would affect; nothing is changed
    run.apply           the set, exactly as it was previewed, or nothing

A preview runs each change's own use case in a transaction, reads the result, and rolls back. So every refusal of a
single change applies here, and a preview shows exactly what applying the set does.
"""
