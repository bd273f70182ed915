"""Accounts: the people who use the platform and how they prove who they are.

Vocabulary: **user** (a person), **login session** (one device signed in; the cookie holds only its secret).
Invariants: an e-mail address belongs to one user, whatever its case; a password is kept only as argon2id;
logging out ends the session on the server, so a copied cookie is worth nothing afterwards.
"""
