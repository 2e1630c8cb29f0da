"""A little of what scripts do: numbers, strings, dictionaries, objects, sorting."""
import sys


class Account:
    def __init__(self, owner):
        self.owner = owner
        self.balance = 0

    def move(self, amount):
        self.balance += amount
        return self.balance


def work(rounds):
    total = 0
    accounts = {f"owner{i}": Account(i) for i in range(100)}
    for index in range(rounds):
        words = [f"w{(index * 31 + i * i) % 997}" for i in range(60)]
        counts = {}
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        text = ",".join(f"{word}={count}" for word, count in ranked)
        total += len(text) + sum(i * i % 7 for i in range(80))
        total += accounts[f"owner{index % 100}"].move(len(ranked))
        total ^= hash((index, len(text))) & 0xFFFF
    return total + sum(account.balance for account in accounts.values())


print(work(int(sys.argv[1])))
