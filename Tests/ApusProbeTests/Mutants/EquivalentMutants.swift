/// Mutants that no exploration can tell from the real program, each with the reason why that is no gap.
enum EquivalentMutants {
  /// By program, then by the mutant's name.
  static let reasons: [String: [String: String]] = [
    "graph": [
      "swap [v0+24] = v3 and [v0+8] = 10": unseen, "swap [v0+8] = 10 and v3 = return address": unseen,
      "swap return address = v3 and [v0] = 0": unseen, "swap [v0] = 0 and v3 = [v0+8]": unseen,
      "swap v3 = [v0+8] and depth += local": unseen, "swap [v0] = 0 and v3 = root": unseen,
    ],
    "log": [
      "weaken position = release v2":
        "the words before were released with an earlier value of the same place, which no later one overtakes",
      "weaken v3 = acquire consumed (2)":
        "the room was measured with an acquire before; a handler that has used it up since acquired too",
      "weaken [v0+184] += atomic": statistic, "weaken [v0+200] += atomic": statistic,
    ],
    "switchWindow": [
      "swap [v5+8] = v0 and v3 = depth": unseen, "swap slot = v4 and v6 = [v4]": fixedKey,
    ],
    "arm": [
      "remove disarmed = 0": "then it only looks again at each slow path",
      "weaken [v0+144] += atomic": statistic,
    ],
    "enter": [
      "weaken [v0] += atomic (2)":
        "the same code as for calls that are lost without a depth limit, where it is found out",
      "swap [v3] = v6 and [v3+24] = v0": unseen,
      "remove restartable (2)":
        "another window shows in the check after the delta; this frame's own cannot have come and the other gone",
      "remove [v6+8] = v0 (2)": leftover, "remove [v6+16] = v0": leftover, "remove depth = v0": leftover,
      "swap current = 0 and slot = v5": redone, "swap slot = v5 and v6 = [v5]": fixedKey,
      "weaken current = local exchange v3": shared,
    ],
    "exit": [
      "weaken [v0+128] += atomic": statistic, "remove [v4] = 0": stale, "remove [v3] = 0": stale,
      "swap depth += local and v0 = root": unseen, "swap slot = v5 and v6 = [v5]": fixedKey,
      "remove call arm": "a second chance: the landing has armed all frames that can be found",
    ],
    "disarm": ["swap disarmed = 1 and v6 = low": "while an unwinder is at work nobody clears the mark"],
    "land": [
      "remove searches = v0": bound, "swap searches = v0 and v2 = [v3+16]": bound,
      "remove [v6+16] = v0": leftover,
      "remove depth = v0": leftover, "swap current = 0 and slot = v5": redone,
      "swap slot = v5 and v6 = [v5]": fixedKey,
      "weaken current = local exchange v3": shared,
    ],
  ]

  private static let unseen = "words that nobody else looks at between the two"
  private static let statistic = "a statistic, which may lose a count when threads collide"
  private static let fixedKey = "a claimed slot's key never changes"
  private static let shared = "the same code as in switchWindow and exit, where it is found out"
  private static let stale = "a left-over entry only costs the next call at that address the slow path"
  private static let redone = "what a handler leaves in between is overwritten by the steps that follow"
  private static let bound = "bounds a search that ends by itself unless stacks lead in a circle"
  private static let leftover = """
    matters only after a handler was left by a jump out of the same stack, and then only to the number of open frames
    """
}
