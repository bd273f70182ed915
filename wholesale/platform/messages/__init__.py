"""What leaves the house for a person: letters (e-mail) and text messages, each sent once.

A row is written with the change that it tells of, and announced through the outbox. The relay marks it as being
sent, commits, hands it over outside of any transaction, and notes the answer:

    queued → sending → sent | failed | unknown

A server that is away or says "later" is tried again with growing pauses for about four hours. `unknown` means that
the other side may have it (the connection broke after the letter was handed over, or the worker was killed):
nobody sends it again but a person. What a message says is sealed in the database and emptied once it is sent.
"""
