"""A login, from "somebody wants to sign in" to what is handed over: prepare, launch, finish, complete."""
