"""Passwords that are among the first that anybody tries; small letters, without spaces.

30,000 from the lists of zxcvbn (MIT), and ours: what is tried in Bangladesh, and what is long enough and yet common.
They are compared also without the digits and marks around them, with the letters that marks stand for, and two
together: `password` catches `P@ssw0rd2026!`, `sunshine` and `dragon` catch `sunshine dragon`.
"""

from zxcvbn.frequency_lists import FREQUENCY_LISTS

_WORDS = """
password passwords passw0rd p@ssword p@ssw0rd pa$$word password password1234 password12345 password123456
passwordpassword password123password mypassword mypassword123 thisismypassword newpassword newpassword1
yourpassword changeme changemenow changeme1234 letmein letmeinnow letmein12345 pleaseletmein welcome
welcome12345 welcometohell welcomehome welcomeback administrator adminadmin adminadmin12 admin admin12345678
rootroot rootrootroot superuser supervisor masterkey master qwerty qwertyuiop qwertyuiop123 qwerty123456
qwertyqwerty qwertyuiop12 qwertyuiopasdf qwertzuiop azertyuiop asdfghjkl asdfghjkl123 asdfasdfasdf
asdfghjklqwerty zxcvbnm zxcvbnmasdfgh 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx 1qaz2wsx3edc
1qazxsw2 q1w2e3r4 q1w2e3r4t5y6 zaq12wsx zaq12wsxcde3 abc123 abc123abc123 abcd1234 abcd12345678 abcdefgh
abcdefgh1234 a1b2c3d4 a1b2c3d4e5f6 aa123456 123qweasdzxc 123qwe123qwe 1234qwer 1234qwerasdf qwer1234asdf
1234567890qwerty qwerty1234567890 123456789abc abc123456789 iloveyou iloveyou1234 iloveyouforever iloveyousomuch
iloveyoumore ilovemymom ilovemyfamily ilovemydad ilovejesus jesuschrist jesuslovesme jesusislord jesusisking
godisgood godisgreat godblessme allahuakbar allahisgreat bismillah bismillah786 alhamdulillah mashallah
inshallah subhanallah muhammad mohammad786 bangladesh bangladesh71 amarbangladesh joybangla ilovebangladesh
sonarbangla amarsonarbangla dhakabangladesh bangladesh1971 ekattor iloveallah bdcricket
football footballfan basketball basketball1 baseball baseball1234 skateboard volleyball sunshine
sunshine1234 princess princess1234 superman superman1234 spiderman batman batmanbatman starwars startrek
pokemon pokemon12345 dragonball dragonballz monkeymonkey trustno1 trustnoone whatever whateverwhatever
computer computer1234 internet internet1234 google facebook facebook1234 samsung samsung12345 microsoft
nokia1234567 blink182 liverpool liverpoolfc manchester manchesterunited chelseafc realmadrid barcelona
fcbarcelona arsenal arsenalfc cristiano cristianoronaldo leomessi lionelmessi argentina brazil
correcthorse correcthorsebatterystaple correcthorsebattery horsebatterystaple thequickbrownfox
thequickbrownfoxjumps tobeornottobe maytheforcebewithyou opensesame opensesame123 abracadabra
unbelievable friendsforever bestfriends bestfriendsforever iamtheking iamthebest nopassword nopasswords
nothingtosee donttellanyone secret secret123456 secretsecret secretpassword topsecret mysecretpassword
testtest testtesttest testpassword test12345678 testing testing12345 tester guest guestguest default
defaultpassword temporary temppassword temp12345678 userpassword username usernamepassword loginlogin
businessbusiness wholesale wholesaler marketplace mymarketplace company companyname mycompany tradelicence
"""
_SHORTEST = 4
COMMON = frozenset(word for word in (*FREQUENCY_LISTS["passwords"], *_WORDS.split()) if len(word) >= _SHORTEST)
