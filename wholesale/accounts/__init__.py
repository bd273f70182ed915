"""Accounts: the people who use the platform and how they prove who they are.

Vocabulary: **user** (a person), **login session** (one device signed in; the cookie holds only its secret),
**remembered** (a device that stays signed in, with a new secret every day), **known device** (a browser in which an
account was signed in to before; it opens nothing, and guessing elsewhere does not slow it down), **pause** (how long
whoever failed must wait), **one-time link** (in a letter, good once), **fresh** (the person has proved who they are
within ten minutes).
Invariants: an e-mail address belongs to one user, whatever its case or script; a password is kept only as argon2id;
of a session's secret, a link and a code the database knows the digest only; logging out ends the session on the
server, so a copied cookie is worth nothing afterwards, and so do a new password and a secret that comes back after it
was replaced; a try is counted before it is looked at; whoever asks about an account they are not in learns nothing.
"""
