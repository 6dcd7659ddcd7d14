"""The set-up of one provider by somebody without an account here: a customer's IT, who has a link.

    links       make, list and revoke links, and find what a token opens
    vendors     which vendors can be chosen
    provider    what the steps do: choose the vendor, connect, test, choose the groups claim, enable
    groups      map groups of the provider, within what the link's maker named

Decision: a link acts in the name of its maker, with the named permissions and no others.
  Context: whoever has the link decides who is in which group at the provider, so what its groups give is theirs to take.
  Decision: each step runs the use cases of admins, as an actor who may give exactly the permissions that the maker named,
  as far as the maker may still give them. Rules against raising one's own permissions look at the maker's account.
  Consequences: a mapping for every provider counts as a permission of the new provider, so its maker has to name it too.
  When the maker loses the right to make providers, the link stops working.
  Alternatives: the operator's rights (a link would be worth more than its maker); an account for the customer's IT (a
  way in that stays, for one hour's work).
"""
