"""The second proof of who somebody is: an authenticator app (TOTP), recovery codes, passkeys.

Vocabulary: **second factor** (an app or a passkey; whoever has one is **enrolled**), **recovery code** (one of ten
for the day the phone is lost), **waiting** session (the password was right and the second factor is still missing).
Invariants: no code is accepted twice; recovery codes and challenges are good once; the secret of an app is sealed;
a waiting session lets nobody in and lives ten minutes; a session that has passed has a new secret; staff have
always at least one factor once they had one.
"""
