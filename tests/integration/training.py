"""The project of a series (series.py): one train.py of some 600 lines, its tests, and what experiments change in it.

It is written from tables, and is a real training script, if a small one: with nothing but Python's own library it
learns which letter follows which. A seed decides in which order its functions stand. The settings stand line by line
below each other, so that changes of neighbours touch; code that an experiment may change is one line each, a slot.
"""

import random
import re

# name, value, what it is for, values that an experiment may try
SETTINGS = [
    ("SEED", 1337, "of the text and of the first weights", range(1, 1000)),
    ("VOCABULARY", 16, "letters at most", range(10, 27)),
    ("WORDS", 60, "in the text", range(40, 130, 5)),
    ("HOLD_OUT", 0.2, "part of the text that is only measured", [0.1, 0.12, 0.15, 0.18, 0.22, 0.25, 0.3]),
    ("DEPTH", 4, "layers", range(1, 13)),
    ("ASPECT_RATIO", 64, "width for each layer, a multiple of 16", [32, 48, 80, 96, 112, 128]),
    ("HEADS", 4, "a power of two", [1, 2, 8, 16]),
    ("SPREAD", 0.02, "of the first weights", [0.005, 0.008, 0.01, 0.015, 0.025, 0.03, 0.04, 0.05]),
    ("SOFT_CAP", 15.0, "no score is beyond it", [8.0, 10.0, 12.0, 18.0, 20.0, 24.0, 30.0]),
    ("STEPS", 24, "of the training", range(16, 40)),
    ("BATCH", 32, "pairs a step, a power of two", [4, 8, 16, 64, 128, 256]),
    ("RATE", 0.5, "of learning, at its highest", [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.55, 0.6, 0.7, 0.8]),
    ("FLOOR", 0.1, "part of the rate that is left at the end", [0.0, 0.02, 0.05, 0.08, 0.12, 0.15, 0.2, 0.3]),
    ("WARM_UP", 0.1, "part of the training", [0.0, 0.02, 0.04, 0.05, 0.08, 0.12, 0.15, 0.2]),
    ("WARM_DOWN", 0.5, "part of the training", [0.2, 0.3, 0.35, 0.4, 0.45, 0.55, 0.6, 0.7, 0.8]),
    ("MOMENTUM", 0.9, "of the steps before", [0.8, 0.82, 0.85, 0.88, 0.91, 0.92, 0.94, 0.95]),
    ("SECOND_MOMENT", 0.95, "of their squares", [0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.99, 0.999]),
    ("EPSILON", 1e-8, "keeps a division whole", [1e-10, 1e-9, 3e-9, 3e-8, 1e-7, 1e-6]),
    ("DECAY", 0.01, "of the weights", [0.0, 0.002, 0.005, 0.008, 0.015, 0.02, 0.03, 0.05, 0.1]),
    ("CLIP", 1.0, "longest gradient", [0.3, 0.5, 0.7, 0.8, 1.2, 1.5, 2.0, 3.0]),
    ("SMOOTHING", 0.05, "of the labels", [0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1]),
    ("DROPOUT", 0.1, "of the letters before", [0.0, 0.02, 0.05, 0.08, 0.12, 0.15, 0.2]),
    ("REPORT_EVERY", 8, "steps", [2, 3, 4, 5, 6, 7, 9, 10, 12]),
    ("EVALUATE_EVERY", 12, "steps", [4, 5, 6, 7, 8, 9, 10, 14, 16, 20]),
]

# What stands there first; then what an experiment may put there, with its name.
SLOTS = [
    ("    return relu(x)", [
        ("    return squared_relu(x)", "squared relu"), ("    return silu(x)", "silu"), ("    return gelu(x)", "gelu"),
        ("    return leaky_relu(x)", "leaky relu"), ("    return softplus(x)", "softplus"),
    ]),
    ("    shape = linear(past)", [
        ("    shape = cosine(past)", "cosine warm-down"), ("    shape = square_root(past)", "square root warm-down"),
        ("    shape = quadratic(past)", "quadratic warm-down"), ("    shape = smooth_step(past)", "smooth warm-down"),
    ]),
    ("    direction = adam(gradient, first, second)", [
        ("    direction = lion(gradient, first, second)", "lion"),
        ("    direction = nesterov(gradient, first, second)", "nesterov momentum"),
        ("    direction = plain_momentum(gradient, first, second)", "plain momentum"),
    ]),
    ("    return capped_by_tanh(score)", [
        ("    return clamp(score, -SOFT_CAP, SOFT_CAP)", "hard cap of the scores"),
        ("    return score / (1.0 + abs(score) / SOFT_CAP)", "rational cap of the scores"),
    ]),
    ("    return noise(chance, count, SPREAD)", [
        ("    return even_noise(chance, count, SPREAD)", "uniform first weights"),
        ("    return noise(chance, count, SPREAD / math.sqrt(count))", "first weights scaled by width"),
    ]),
]  # fmt: skip

# Group by group: head of the function, what it does, its lines.
FUNCTIONS = {
    "Numbers and vectors": [
        ("clamp(x, low, high)", "x, or the bound that it is beyond", ["return min(max(x, low), high)"]),
        ("mean(values)", "their mean", ["return sum(values) / len(values)"]),
        ("variance(values)", "their mean square distance from the mean",
         ["middle = mean(values)", "return mean([(value - middle) ** 2 for value in values])"]),
        ("median(values)", "the one in the middle, or between the two that are",
         ["order = sorted(values)", "return mean(order[(len(order) - 1) // 2 : len(order) // 2 + 1])"]),
        ("root_mean_square(values)", "their size, whatever their signs",
         ["return math.sqrt(mean([value * value for value in values]))"]),
        ("dot(a, b)", "the sum of the products", ["return sum(x * y for x, y in zip(a, b))"]),
        ("add(a, b)", "the sum, place by place", ["return [x + y for x, y in zip(a, b)]"]),
        ("subtract(a, b)", "the difference, place by place", ["return [x - y for x, y in zip(a, b)]"]),
        ("multiply(a, b)", "the product, place by place", ["return [x * y for x, y in zip(a, b)]"]),
        ("scale(a, factor)", "a, each place times the factor", ["return [x * factor for x in a]"]),
        ("mix(a, b, part)", "between a (0) and b (1)", ["return [x + (y - x) * part for x, y in zip(a, b)]"]),
        ("length(a)", "how long a vector is", ["return math.sqrt(dot(a, a))"]),
        ("unit(a)", "a vector of length one",
         ["size = length(a)", "if size < EPSILON:", "    return list(a)", "return scale(a, 1.0 / size)"]),
        ("zeros(count)", "a vector of nothing", ["return [0.0] * count"]),
        ("one_hot(count, place)", "all at one place",
         ["found = zeros(count)", "found[place] = 1.0", "return found"]),
        ("argmax(values)", "the place of the largest", ["return max(range(len(values)), key=values.__getitem__)"]),
        ("transposed(rows)", "rows as columns", ["return [list(column) for column in zip(*rows)]"]),
        ("times(rows, vector)", "a matrix times a vector", ["return [dot(row, vector) for row in rows]"]),
        ("outer(a, b)", "all products of two vectors", ["return [[x * y for y in b] for x in a]"]),
    ],
    "Chance": [
        ("noise(chance, count, spread)", "normal numbers", ["return [chance.gauss(0.0, spread) for _ in range(count)]"]),
        ("even_noise(chance, count, spread)", "uniform numbers",
         ["edge = spread * math.sqrt(3.0)", "return [chance.uniform(-edge, edge) for _ in range(count)]"]),
        ("first_weights(chance, count)", "what a row of the model begins with", ["return noise(chance, count, SPREAD)"]),
        ("kept(chance, values)", "the values that dropout leaves",
         ["return [value for value in values if chance.random() >= DROPOUT]"]),
        ("sample(chance, weights)", "a place, by its weight",
         ["left = chance.random() * sum(weights)", "for place, weight in enumerate(weights):", "    left -= weight",
          "    if left <= 0:", "        return place", "return len(weights) - 1"]),
    ],
    "Activations": [
        ("relu(x)", "nothing below zero", ["return max(x, 0.0)"]),
        ("squared_relu(x)", "relu, squared", ["return max(x, 0.0) ** 2"]),
        ("leaky_relu(x)", "little below zero", ["return x if x > 0 else 0.01 * x"]),
        ("sigmoid(x)", "between 0 and 1", ["return 1.0 / (1.0 + math.exp(-clamp(x, -60.0, 60.0)))"]),
        ("silu(x)", "x times its sigmoid", ["return x * sigmoid(x)"]),
        ("gelu(x)", "x times the chance that a normal number is below it",
         ["return 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))"]),
        ("softplus(x)", "a relu without a corner", ["return math.log1p(math.exp(-abs(x))) + max(x, 0.0)"]),
        ("activation(x)", "the one that is in use", ["return relu(x)"]),
        ("capped_by_tanh(score)", "a score that comes near the cap and never gets there",
         ["return SOFT_CAP * math.tanh(score / SOFT_CAP)"]),
        ("capped(score)", "the cap that is in use", ["return capped_by_tanh(score)"]),
    ],
    "Probabilities": [
        ("log_sum_exp(values)", "the logarithm of the sum of their exponentials",
         ["most = max(values)", "return most + math.log(sum(math.exp(value - most) for value in values))"]),
        ("softmax(values)", "probabilities of scores",
         ["whole = log_sum_exp(values)", "return [math.exp(value - whole) for value in values]"]),
        ("smoothed(count, place)", "the label, a part of which everybody has",
         ["found = [SMOOTHING / count] * count", "found[place] += 1.0 - SMOOTHING", "return found"]),
        ("cross_entropy(values, place)", "how surprised the scores are by what came, in nats",
         ["return log_sum_exp(values) - values[place]"]),
        ("entropy(probabilities)", "how surprised they are on average, in nats",
         ["return -sum(p * math.log(p) for p in probabilities if p > 0)"]),
        ("bits(nats)", "the same in bits", ["return nats / math.log(2.0)"]),
        ("perplexity(nats)", "among how many equal letters that is a choice", ["return math.exp(nats)"]),
    ],
    "Shapes of the warm-down, from one to zero": [
        ("linear(past)", "evenly", ["return 1.0 - past"]),
        ("cosine(past)", "slowly, fast, slowly", ["return 0.5 * (1.0 + math.cos(math.pi * past))"]),
        ("square_root(past)", "late", ["return 1.0 - math.sqrt(past)"]),
        ("quadratic(past)", "early", ["return (1.0 - past) ** 2"]),
        ("smooth_step(past)", "flat at both ends", ["return 1.0 - past * past * (3.0 - 2.0 * past)"]),
        ("warm_down(part)", "the factor for the last part of the training",
         ["past = clamp((part - (1.0 - WARM_DOWN)) / WARM_DOWN, 0.0, 1.0)", "shape = linear(past)",
          "return FLOOR + (1.0 - FLOOR) * shape"]),
        ("warm_up(part)", "the factor for its first part",
         ["return 1.0 if part >= WARM_UP else (part + 1.0 / STEPS) / (WARM_UP + 1.0 / STEPS)"]),
        ("rate_at(step, steps)", "the rate of learning at a step",
         ["part = step / steps", "return RATE * warm_up(part) * warm_down(part)"]),
    ],
    "The text": [
        ("syllable(chance)", "two letters that can be spoken",
         ["return chance.choice(CONSONANTS) + chance.choice(VOWELS)"]),
        ("word(chance)", "one to three syllables",
         ["return ''.join(syllable(chance) for _ in range(chance.choice((1, 2, 2, 3))))"]),
        ("make_text(chance)", "the text to be learned", ["return ' '.join(word(chance) for _ in range(WORDS))"]),
        ("alphabet(text)", "its letters, the most frequent ones first",
         ["order = sorted(set(text), key=lambda letter: (-text.count(letter), letter))", "return order[:VOCABULARY]"]),
        ("encode(text, letters)", "letters as numbers; those that are not known are left out",
         ["places = {letter: place for place, letter in enumerate(letters)}",
          "return [places[letter] for letter in text if letter in places]"]),
        ("decode(numbers, letters)", "numbers as letters", ["return ''.join(letters[number] for number in numbers)"]),
        ("counts_of(pairs, count)", "how often each letter follows each",
         ["found = [[0] * count for _ in range(count)]", "for letter, after in pairs:", "    found[letter][after] += 1",
          "return found"]),
        ("pairs_of(numbers)", "each letter with the one that follows", ["return list(zip(numbers, numbers[1:]))"]),
        ("parts_of(pairs)", "what is learned, and what is only measured",
         ["edge = int(len(pairs) * (1.0 - HOLD_OUT))", "return pairs[:edge], pairs[edge:]"]),
        ("batch_of(chance, pairs)", "some of them",
         ["found = kept(chance, [chance.choice(pairs) for _ in range(BATCH)])", "return found or pairs[:1]"]),
    ],
    "The model: a row of scores for each letter": [
        ("make_model(chance, count)", "one that knows nothing",
         ["return [first_weights(chance, count) for _ in range(count)]"]),
        ("width()", "of a layer", ["return DEPTH * ASPECT_RATIO"]),
        ("width_of_a_head()", "what each head sees of it", ["return width() // HEADS"]),
        ("parameters(model)", "how many numbers it has", ["return sum(len(row) for row in model)"]),
        ("scores(model, letter)", "of all letters that may follow",
         ["return [capped(score + 0.01 * activation(score)) for score in model[letter]]"]),
        ("gradient_of(model, letter, after)", "where the scores of a letter should not go",
         ["found = softmax(scores(model, letter))", "return subtract(found, smoothed(len(found), after))"]),
        ("gradients(model, batch)", "letter: its mean gradient",
         ["found = {}", "for letter, after in batch:",
          "    fresh = scale(gradient_of(model, letter, after), 1.0 / len(batch))",
          "    found[letter] = add(found.get(letter, zeros(len(fresh))), fresh)", "return found"]),
        ("continued(model, letter, count, chance)", "what the model would write",
         ["found = [letter]", "for _ in range(count):",
          "    found.append(sample(chance, softmax(scores(model, found[-1]))))", "return found"]),
    ],
    "Steps": [
        ("clipped(gradient)", "a gradient that is not too long",
         ["size = length(gradient)", "return gradient if size <= CLIP else scale(gradient, CLIP / size)"]),
        ("sign(x)", "which way", ["return (x > 0) - (x < 0)"]),
        ("adam(gradient, first, second)", "each place by its own size",
         ["return [m / (math.sqrt(v) + EPSILON) for m, v in zip(first, second)]"]),
        ("lion(gradient, first, second)", "one step for each place, whatever its size",
         ["return [float(sign(m)) for m in first]"]),
        ("nesterov(gradient, first, second)", "momentum that looks ahead", ["return mix(gradient, first, MOMENTUM)"]),
        ("plain_momentum(gradient, first, second)", "the steps before, fading", ["return list(first)"]),
        ("direction_of(gradient, first, second)", "the one that is in use",
         ["direction = adam(gradient, first, second)", "return direction"]),
        ("decayed(row, rate)", "weights that forget", ["return scale(row, 1.0 - rate * DECAY)"]),
        ("make_memory(count)", "what a row remembers of its steps", ["return zeros(count), zeros(count)"]),
        ("remembered(memory, gradient)", "with one more step",
         ["first, second = memory", "return (",
          "    mix(gradient, first, MOMENTUM),", "    mix(multiply(gradient, gradient), second, SECOND_MOMENT),", ")"]),
        ("step_of(model, memories, batch, rate)", "one step of the training",
         ["for letter, gradient in gradients(model, batch).items():", "    gradient = clipped(gradient)",
          "    memories[letter] = remembered(memories[letter], gradient)",
          "    direction = direction_of(gradient, *memories[letter])",
          "    model[letter] = subtract(decayed(model[letter], rate), scale(direction, rate))"]),
    ],
    "The measure": [
        ("loss_of(model, pairs)", "in nats a letter",
         ["return mean([cross_entropy(scores(model, letter), after) for letter, after in pairs])"]),
        ("val_bpb(model, pairs)", "in bits a byte: lower is better", ["return bits(loss_of(model, pairs))"]),
        ("accuracy(model, pairs)", "how often the best guess is right",
         ["return mean([argmax(scores(model, letter)) == after for letter, after in pairs])"]),
        ("surest(model)", "the letter whose follower is known best",
         ["return min(range(len(model)), key=lambda letter: entropy(softmax(scores(model, letter))))"]),
        ("calibration(model, pairs)", "how sure the best guesses are, less how often they are right",
         ["sure = mean([max(softmax(scores(model, letter))) for letter, _ in pairs])",
          "return sure - accuracy(model, pairs)"]),
        ("size_of_weights(model)", "the median over its rows",
         ["return median([root_mean_square(row) for row in model])"]),
        ("memory_gb()", "the most memory that was in use",
         ["return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2"]),
        ("line_of(step, rate, value)", "what is printed of a step",
         ["return f'step {step:4}  rate {rate:.4f}  val_bpb {value:.6f}'"]),
        ("is_time_to_measure(step, steps)", "every some steps, and at the end",
         ["return step % EVALUATE_EVERY == 0 or step == steps - 1"]),
        ("is_time_to_report(step, steps)", "every some steps, and at the end",
         ["return step % REPORT_EVERY == 0 or step == steps - 1"]),
    ],
    "The training": [
        ("prepare(chance)", "letters, what is learned, what is measured",
         ["text = make_text(chance)", "letters = alphabet(text)",
          "learned, measured = parts_of(pairs_of(encode(text, letters)))", "return letters, learned, measured"]),
        ("train(steps=STEPS, report=None)", "the model and its val_bpb, at first and at each measure",
         ["chance = random.Random(SEED)", "letters, learned, measured = prepare(chance)",
          "model = make_model(chance, len(letters))", "memories = [make_memory(len(letters)) for _ in letters]",
          "history = [val_bpb(model, measured)]", "for step in range(steps):", "    rate = rate_at(step, steps)",
          "    step_of(model, memories, batch_of(chance, learned), rate)", "    if is_time_to_measure(step, steps):",
          "        history.append(val_bpb(model, measured))", "    if report and is_time_to_report(step, steps):",
          "        report(line_of(step, rate, history[-1]))", "return model, history"]),
        ("main()", "trains, and prints what a loop of experiments looks for",
         ["begin = time.monotonic()", "model, history = train(report=print)", "print('---')",
          "print(f'val_bpb:      {history[-1]:.6f}')", "print(f'seconds:      {time.monotonic() - begin:.1f}')",
          "print(f'memory_gb:    {memory_gb():.1f}')", "print(f'parameters:   {parameters(model)}')",
          "print(f'width:        {width()}')"]),
    ],
}  # fmt: skip

TESTS = '''"""What holds of train.py whatever its settings are."""

import unittest

import train


class Training(unittest.TestCase):
    def test_the_batch_is_a_power_of_two(self):
        self.assertEqual(train.BATCH & (train.BATCH - 1), 0)

    def test_heads_share_the_width_evenly(self):
        self.assertEqual(train.width_of_a_head() * train.HEADS, train.width())

    def test_the_rate_stays_within_its_bounds(self):
        rates = [train.rate_at(step, 100) for step in range(100)]
        self.assertTrue(all(0 < rate <= train.RATE for rate in rates), rates)

    def test_probabilities_sum_to_one(self):
        self.assertAlmostEqual(sum(train.softmax([1.0, -2.0, 300.0])), 1.0)

    def test_text_comes_back_as_it_was(self):
        self.assertEqual(train.decode(train.encode("lama", "alm"), "alm"), "lama")

    def test_a_capped_score_keeps_its_sign_and_its_bound(self):
        for score in (-1e6, -1.0, 0.0, 1.0, 1e6):
            self.assertLessEqual(abs(train.capped(score)), train.SOFT_CAP)
            self.assertGreaterEqual(train.capped(score) * score, 0)

    def test_the_gradient_says_what_makes_the_loss_less(self):
        model = [[0.1, 0.0, -0.1], [0.0, 0.2, 0.0], [0.3, 0.0, 0.0]]
        batch = [(0, 1), (1, 2), (2, 0)]
        before = train.loss_of(model, batch)
        for letter, gradient in train.gradients(model, batch).items():
            model[letter] = train.subtract(model[letter], train.scale(gradient, 0.1))
        self.assertLess(train.loss_of(model, batch), before)

    def test_a_training_stays_within_what_the_cap_allows(self):
        _, history = train.train(steps=12)
        self.assertLess(max(history), train.bits(2 * train.SOFT_CAP) + 5)


if __name__ == "__main__":
    unittest.main()
'''

HEAD = '''"""Learns which letter follows which, in a text that it makes up.

A loop of experiments changes this file, runs it, and looks at val_bpb in what it prints.
"""

import math
import random
import resource
import time

VOWELS = "aeiou"
CONSONANTS = "bdfgklmnprst"

# ---- Settings {rule}

'''


def source(seed):
    """train.py as the series begins."""
    chance = random.Random(f"train.py {seed}")
    parts = [HEAD.format(rule="-" * 85)]
    parts += [setting(name, value, words) for name, value, words, _ in SETTINGS]
    for title, functions in FUNCTIONS.items():
        parts.append(f"\n\n# ---- {title} {'-' * (94 - len(title))}\n")
        # Python does not mind what comes first, but for defaults, and those name settings alone.
        for head, words, lines in chance.sample(functions, len(functions)):
            body = "".join(f"    {line}\n" for line in lines)
            parts.append(f'\n\ndef {head}:\n    """{words[0].upper()}{words[1:]}."""\n{body}')
    return "".join(parts) + '\n\nif __name__ == "__main__":\n    main()\n'


def setting(name, value, words):
    return f"{name} = {value}  # {words}\n"


def with_setting(text, name, value):
    """The same text with another value of a setting."""
    changed, count = re.subn(rf"^{name} = \S+", f"{name} = {value}", text, flags=re.MULTILINE)
    assert count == 1, name
    return changed


def with_line(text, old, new):
    """The same text with another line in a slot."""
    assert text.count(f"\n{old}\n") == 1, old
    return text.replace(f"\n{old}\n", f"\n{new}\n")
