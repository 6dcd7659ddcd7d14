"""Values as a JSON parser can give them, and the small alphabets that make patterns and groups meet."""

from hypothesis import strategies as st

texts = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
claims = st.dictionaries(
    st.sampled_from(["groups", "roles", "a", "b", "_claim_names", "hasgroups", "sub"]) | texts, json_values
)
group_names = st.text(st.sampled_from("ab*?\\."), max_size=8)
glob_texts = st.text(st.sampled_from("ab*?\\."), min_size=1, max_size=10)
