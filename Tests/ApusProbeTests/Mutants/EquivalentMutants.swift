/// Mutants that no exploration can tell from the real program, each with the reason why that is no gap.
enum EquivalentMutants {
  /// By program, then by the mutant's name.
  static let reasons: [String: [String: String]] = [
    "arm hook": [
      "at the limit if v3 >= 1073741824": guess, "never if v0 == 0": noStackSoLow,
    ],
    "findContext": [
      "at the limit if v1 < v2": "no context is made so far from home",
      "never if v3 == 0": "behind a place that was never used there is nothing either",
    ],
    "graph stub": [
      "at the limit if v2 < low": "the slow path comes to the same for a frame in the lowest word",
      "never if v2 < v0": "the distance wraps, and the next comparison says the same",
      "at the limit if v3 >= 262144": guess,
      "at the limit if v2 >= v3": "the frame's own entry was empty before, so that it is not the innermost",
      "at the limit if v3 >= v0": guess,
      "negate if v2 != current (2)": "then all tail calls take the slow path, which does the same",
      "negate if v3 != 0 (2)": emptyEntry, "never if v3 != 0 (2)": emptyEntry,
      "swap [v0+8] = return and v3 = return address": unseen,
      "swap current = v2 and [v0] = 0": committedAsOne,
      "swap current = v2 and depth = v0": committedAsOne, "swap current = v2 and depth = v4": committedAsOne,
      "swap depth = v4 and [v0] = 0": committedAsOne,
      "swap [v3] = v2 and v0 = depth": unrelated,
      "remove sealed = release v0": sealedLater,
      "short return: never if v2 != return":
        "a tail call's event stands last, or was lost, and what is before it was sealed then",
      "short return: never if v0 != 0":
        "what is no entry is sealed, or its frame says that it is of another function, or says what a landing has left, which no scenario with a minimum has",
      "short return: swap current = v2 and [v0] = 0": committedAsOne,
      "short return: swap current = v2 and depth = v4": committedAsOne,
      "short return: swap depth = v4 and [v0] = 0": committedAsOne,
      "short return: negate if v2 >= 1048576": otherMinimum,
      "short return: never if v2 >= 1048576": otherMinimum,
      "short return: at the limit if v2 >= 1048576": otherMinimum,
      "short return: never if v3 != v2": "the root is closed as by any return, where it is found out",
    ],
    "log": ["never if v0 == 0": noCapacity],
    "room": [
      "never if v6 == 0": "it is looked at again, and nobody reads what a child has changed until then",
      "at the limit if v6 >= v4": "then the end is filled up where that need not be",
      "never if v0 == 0":
        "a child finds its whole buffer free, and comes back to where that is looked at",
      "at the limit if v2 < [v3+64]": guess,
      "swap v2 = base and limit = 0": "a buffer never moves",
      "at the limit if v6 < v0": room, "at the limit if v6 < v0 (2)": room,
      "swap v6 = pending and [v0] = v2": unrelated,
      "swap pending = v3 and stack owed = v6": committedAsOne,
      "weaken v6 = acquire consumed": acquired, "weaken v3 = acquire consumed (2)": acquired,
      "weaken position = release v2": overtaken,
      "weaken [v0+184] += atomic": statistic, "weaken [v0+200] += atomic": statistic,
    ],
    "logRegisters": [
      "never if v0 == 0": noCapacity,
      "at the limit if v3 >= limit": "the two are never the same: one is a multiple of 8, the other is none",
      "swap [v0+24] = v3 and [v0+32] = v2": unseen,
    ],
    "logStack": [
      "remove sealed = release v0": sealedLater
    ],
    "setWindow": [
      "remove restartable to changes = v2": "no scenario has handlers that switch contexts and come back",
      "at the limit if v0 < 32": guess, "at the limit if v0 < 32 (2)": guess,
      "at the limit if v0 >= v3": "then both are the same",
      "swap depth = v3 and current = 0": committedAsOne,
      "at the limit if v7 >= 262145": noSuchDistance,
      "swap [v6+16] = v3 and [v6+8] = v0": unseen, "swap current = 0 and slot = v4": committedAsOne,
      "swap slot = v4 and low = v6": committedAsOne, "swap low = v6 and delta = v7": committedAsOne,
      "swap depth = v0 and current = v3": committedAsOne,
    ],
    "leaveFrames": [
      "swap current = v5 and depth = v3": committedAsOne,
      "swap limit = 0 and pending = v0": committedAsOne, "swap pending = v0 and current = v5": committedAsOne,
      "at the limit if v0 >= v3": outwards, "never if v0 >= v3": outwards,
      "at the limit if v2 < v4": "then both are the same",
      "never if v4 == 0": nothingLeft, "never if v3 == 0 (2)": nothingLeft,
      "swap current = v5 and depth = v3 (2)": committedAsOne,
      "swap current = v5 and depth = v3 (3)": committedAsOne,
      "at the limit if v3 >= 262145": noSuchDistance,
      "never if v3 >= 262145": "with a tracer there is a whole window when it is called",
    ],
    "arm": [
      "remove [v3+16] = v2":
        "for another stack than the window's: the same code as for the window's, where it is found out",
      "remove disarmed = 0": "then it only looks again at each slow path",
      "remove restartable to v4 = current": shared, "remove restartable to v0 = current": shared,
      "weaken [v0+144] += atomic": statistic,
    ],
    "enter": [
      "remove restartable to v2 add 1": sameWithDepth,
      "swap current = v5 and depth = v2": committedAsOne,
      "weaken [v0] += atomic (2)":
        "the same code as for calls that are lost without a depth limit, where it is found out",
      "swap [v3] = v6 and [v3+24] = v0": unseen,
      "swap [v0] = v2 and v3 = delta": unrelated, "swap [v3+8] = v0 and v2 = depth": unrelated,
      "swap current = v5 and depth = v2 (2)": committedAsOne,
    ],
    "findMirror": [
      "at the limit if v4 < v5": "one place more than any slot stands away from its home",
      "never if v0 == 0":
        "behind a free place no slot of this key stands either: the search only takes longer",
    ],
    "exit": [
      "remove restartable to v3 add -1 (2)": sameWithDepth,
      "weaken [v0+128] += atomic": statistic, "weaken [v0+128] += atomic (2)": statistic,
      "remove [v0+128] += atomic (2)": "no scenario returns where it was not entered; ExitTests do",
      "remove [v4] = 0": stale, "remove [v3] = 0": stale,
      "swap current = v2 and depth = v3": committedAsOne, "swap depth = v3 and [v4] = 0": committedAsOne,
      "swap current = v2 and [v4] = 0": committedAsOne,
      "swap limit = 0 and pending = v0": committedAsOne, "swap pending = v0 and current = v2": committedAsOne,
      "swap current = v2 and [v4] = 0 (2)": committedAsOne,
      "swap current = v2 and depth = v3 (2)": committedAsOne,
      "swap current = v2 and depth = v3 (3)": committedAsOne,
      "swap depth = v3 and [v4] = 0 (2)": committedAsOne, "swap depth = v3 and [v4] = 0 (3)": committedAsOne,
      "remove call arm": "a second chance: the landing has armed all frames that can be found",
    ],
    "notifyLoader": ["at the limit if v2 >= [v3+64]": guess],
    "disarm": [
      "remove restartable to v4 = current": shared,
      "swap disarmed = 1 and v6 = low": "while an unwinder is at work nobody clears the mark",
    ],
    "land": [
      "remove searches = v0": bound, "swap searches = v0 and v2 = [v3+16]": bound,
      "remove restartable to v0 = current": shared,
    ],
  ]

  private static let sameWithDepth =
    "with a depth limit, of frames that are not logged: the same code as for others, where it is found out"
  private static let nothingLeft = "an event that says that no frame was left"
  private static let committedAsOne = "committed stores are made as one"
  private static let otherMinimum = "no call takes so long; found out with a minimum of fewer ticks"
  private static let unrelated = "two places that have nothing to do with each other"
  private static let acquired =
    "the room was measured with an acquire before; a handler that has used it up since acquired too"
  private static let noCapacity =
    "a cursor without a session has no capacity either, which is looked at later"
  private static let overtaken =
    "the words before were released with an earlier value of the same place, which no later one overtakes"
  private static let sealedLater = "the reader gets it with the next that is sealed"
  private static let filled = "then the end is filled up where that need not be"
  private static let emptyEntry =
    "in stubs with a root filter; the same check of the entry is found out in all others"
  private static let room = "how much room is waited for is a matter of choice"
  private static let outwards = "no entry leads inwards; ends the walk over one that was overwritten"
  private static let noSuchDistance = "addresses of frames and distances between them are multiples of 8"
  private static let guess = "a limit between what is near and what is far; nothing lies just there"
  private static let noStackSoLow = "then it compares with 0, and no stack lies in the lowest GiB"
  private static let unseen = "words that nobody else looks at between the two"
  private static let statistic = "a statistic, which may lose a count when threads collide"
  private static let shared = "the same code as in switchWindow, leaveFrames or exit, where it is found out"
  private static let stale = "a left-over entry only costs the next call at that address the slow path"
  private static let bound = "bounds a search that ends by itself unless stacks lead in a circle"
}
