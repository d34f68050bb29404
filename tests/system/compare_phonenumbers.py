"""Compares `ringside normalize --raw` with Python's port of libphonenumber; see phonenumbers.sh."""

import collections
import random
import subprocess
import sys

import phonenumbers

TRUNKS = ["", "0", "1", "8", "06", "015", "021", "180020", "003768", "15", "0450", "00"]
EXITS = ["00", "011", "0011", "001", "010", "810", "009", "119", "00414", "1400"]
SEPARATORS = [" ", "-", ".", "/", "(", ") ", "[", "*", "\u2013", "\u00a0", "~", "x"]
EXTENSIONS = [";ext=5", " x12", "x123456", " ext. 7", ", ext 8#", ",,9", ",1", ";2", "#3", " int 4", " anexo 6", " Bob"]
WORDS = ["FLOWERS", "taxi", " GO-FedEx ", "x", "xx", "xXx", "ext", " no 5", "anexo5", " Bob", "a", "a/b.c", "\u0434\u043e\u0431"]
BEFORE = ["tel:", "(", '"', "<", "Bob ", "\u202a", "'", "sip:"]
BEHIND = [")", ">", " ", ";", ",", "#", "+", ".", "\u202c", "*"]
FULL_WIDTH = str.maketrans("0123456789+", "０１２３４５６７８９＋")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def expected(text, region):
    """The reference's number, or nothing."""
    try:
        number = phonenumbers.parse(text, None if region == "ZZ" else region)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def examples(region):
    """National digits of the region's example numbers of each type."""
    found = []
    for kind in phonenumbers.PhoneNumberType.values():
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            found.append(phonenumbers.national_significant_number(number))
    return found or ["12345678"]


def made_up(region, count, dice):
    """Written numbers of a region, many of them wrong in some way."""
    code = str(phonenumbers.country_code_for_region(region))
    known = examples(region)
    for _ in range(count):
        digits = dice.choice(known)
        way = dice.randrange(6)
        if way == 0:
            digits = "".join(dice.choices("0123456789", k=dice.randint(1, 18)))
        elif way == 1:
            digits = digits[dice.randrange(len(digits)) :]
        elif way == 2:
            kept = dice.randrange(len(digits))
            digits = digits[:kept] + "".join(dice.choices("0123456789", k=len(digits) - kept))
        trunk = dice.choice(TRUNKS)
        text = dice.choice(
            [digits, trunk + digits, "+" + code + digits, "+" + code + trunk + digits, code + digits]
            + [dice.choice(EXITS) + code + digits, "+" + dice.choice(EXITS) + code + digits]
        )
        if dice.random() < 0.4:
            text = "".join(c + (dice.choice(SEPARATORS) if dice.random() < 0.3 else "") for c in text)
        if dice.random() < 0.15:
            at = dice.randint(min(3, len(text)), len(text))
            text = text[:at] + dice.choice(WORDS) + dice.choice(["", text[at:], dice.choice(WORDS)])
        if dice.random() < 0.2:
            text += dice.choice(EXTENSIONS)
        if dice.random() < 0.1:
            text = text.translate(dice.choice([FULL_WIDTH, ARABIC]))
        if dice.random() < 0.15:
            text = dice.choice(BEFORE) + text
        if dice.random() < 0.15:
            text += dice.choice(BEHIND)
        yield text


def main():
    ringside, sample, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    by_region = collections.defaultdict(list)
    with open(sample, encoding="utf-8", newline="\n") as rows:
        next(rows)
        for row in rows:
            text, region, _, category, _ = row.rstrip("\n").split("\t")
            by_region[region].append((category, text))
    dice = random.Random(20261121)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        by_region[region].extend(("made up", text) for text in made_up(region, count, dice))
    compared, wrong = 0, collections.Counter()
    for region, rows in sorted(by_region.items()):
        lines = "".join(text + "\n" for _, text in rows).encode()
        command = [ringside, "normalize", "--raw", "--region", region]
        answers = subprocess.run(command, input=lines, stdout=subprocess.PIPE, check=True).stdout.decode()
        answers = answers.removesuffix("\n").split("\n")
        if len(answers) != len(rows):
            sys.exit(f"phonenumbers: {region}: expected {len(rows)} answers, found {len(answers)}")
        for (category, text), answer in zip(rows, answers):
            ours, theirs = answer.split("\t")[-2], expected(text, region)
            compared += 1
            if ours != theirs:
                wrong[category] += 1
                if wrong[category] <= 5:
                    print(f"{category}: {text!r} in {region}: {ours or 'none'}, not {theirs or 'none'}")
    print(f"phonenumbers {phonenumbers.__version__}: {compared} numbers compared, differences: {dict(wrong) or 'none'}")
    sys.exit(1 if wrong else 0)


main()
