"""Change sets: many changes of mappings, permissions and grants by hand, looked at together and made together or not at all.

    changes.Change      one change, as data
    undo.inverse        the change that would put back what an event of the record changed
    run.preview         what a set would change and whom it would touch; nothing is changed
    run.apply           the set, exactly as it was previewed, or nothing

A preview makes the changes by the use cases that make each of them alone, looks, and takes them back. So whatever refuses
a change refuses it here, and what a preview shows is what applying the set does.
"""
