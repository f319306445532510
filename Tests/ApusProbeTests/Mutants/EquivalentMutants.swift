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
      "remove sealed = release v0": "the reader gets it with the next that is sealed",
      "short return: never if v2 != return":
        "a tail call's event stands last, or was lost, and what is before it was sealed then",
      "short return: never if v0 != 0":
        "what is no entry is sealed, or its frame says that it is of another function",
      "short return: swap current = v2 and [v0] = 0": committedAsOne,
      "short return: swap current = v2 and depth = v4": committedAsOne,
      "short return: swap depth = v4 and [v0] = 0": committedAsOne,
      "short return: negate if v2 >= 1048576": otherMinimum,
      "short return: never if v2 >= 1048576": otherMinimum,
      "short return: at the limit if v2 >= 1048576": otherMinimum,
      "short return: remove committed":
        unexplored + "a handler that jumps out behind the position and before the frame is closed",
      "short return: never if v3 != v2": "the root is closed as by any return, where it is found out",
    ],
    "log": [
      "at the limit if v2 < [v3+64]": guess,
      "swap v2 = base and limit = 0": "a buffer never moves",
      "at the limit if v6 < 16": room, "at the limit if v6 < 16 (2)": room,
      "never if v0 == end": unexplored
        + "a handler that fills the buffer to its end just before the stack chunk",
      "swap v6 = pending and [v0] = v2": unrelated,
      "swap pending = v3 and stack owed = v6": committedAsOne,
      "weaken v6 = acquire consumed":
        "the room was measured with an acquire before; a handler that has used it up since acquired too",
      "never if v0 == 0": "a cursor without a session has no capacity either, which is looked at later",
      "weaken position = release v2":
        "the words before were released with an earlier value of the same place, which no later one overtakes",
      "remove restartable to sealed = release v0 (2)":
        unexplored + "a handler, and a reader right after it, before the next that is sealed",
      "weaken [v0+184] += atomic": statistic, "weaken [v0+200] += atomic": statistic,
    ],
    "logStack": [
      "remove limit = 0": afterLoss, "remove restartable to stack owed = 1": afterLoss,
      "swap limit = 0 and stack owed = 1": afterLoss,
    ],
    "switchWindow": [
      "at the limit if v7 >= 262145": noSuchDistance,
      "swap [v6+16] = v3 and [v6+8] = v0": unseen, "swap current = 0 and slot = v4": committedAsOne,
      "remove restartable to [v6+8] = v0": firstWindow,
    ],
    "logReturn": ["swap limit = 0 and v0 = pending": unseen],
    "leaveFrames": [
      "swap current = v0 and depth = v3": committedAsOne,
      "swap limit = 0 and v0 = pending": unseen,
      "at the limit if v0 >= v3": outwards, "never if v0 >= v3": outwards,
      "never if v4 == 0 (2)": "an event that says that no frame was left",
      "never if v6 == 0": "it is called when there is a window",
      "at the limit if v3 >= 262145": noSuchDistance,
      "at the limit if v2 < v6": "then both are the same",
      "never if v4 != 0": manyFrames,
      "at the limit if v5 < 262144": manyFrames,
    ],
    "arm": [
      "remove disarmed = 0": "then it only looks again at each slow path",
      "weaken [v0+144] += atomic": statistic,
    ],
    "enter": [
      "swap current = v5 and depth = v2": committedAsOne, "swap [v3+8] = v0 and v2 = depth": unrelated,
      "weaken [v0] += atomic (2)":
        "the same code as for calls that are lost without a depth limit, where it is found out",
      "swap [v3] = v6 and [v3+24] = v0": unseen,
      "remove restartable to v2 add 1": "with a depth limit: the same code as without, where it is found out",
      "remove restartable to v0 = [v6]": unexplored + look,
      "remove restartable to [v6] = 0": unexplored + look,
      "remove [v6+8] = v0 (2)": leftover, "remove [v6+16] = v3": leftover, "remove depth = v0": leftover,
      "swap [v6+16] = v3 and [v6+8] = v0": unseen, "remove restartable to [v6+8] = v0": firstWindow,
      "swap current = 0 and slot = v5": committedAsOne,
      "weaken current = local exchange v3": shared,
    ],
    "findMirror": [
      "at the limit if v4 < v5": "one place more than any slot stands away from its home",
      "never if v0 == 0":
        "behind a free place no slot of this key stands either: the search only takes longer",
    ],
    "exit": [
      "weaken [v0+128] += atomic": statistic, "weaken [v0+128] += atomic (2)": statistic,
      "remove [v0+128] += atomic (2)": "no scenario returns where it was not entered; ExitTests do",
      "swap [v6+16] = v3 and [v6+8] = v0": unseen, "remove restartable to [v6+8] = v0": firstWindow,
      "remove restartable to v2 add -1":
        "with a depth limit: the same code as without, where it is found out",
      "swap current = 0 and slot = v5": committedAsOne,
      "remove [v4] = 0": stale, "remove [v3] = 0": stale,
      "swap current = v0 and depth = v2": committedAsOne,
      "remove call arm": "a second chance: the landing has armed all frames that can be found",
    ],
    "notifyLoader": ["at the limit if v2 >= [v3+64]": guess],
    "disarm": ["swap disarmed = 1 and v6 = low": "while an unwinder is at work nobody clears the mark"],
    "land": [
      "remove searches = v0": bound, "swap searches = v0 and v2 = [v3+16]": bound,
      "remove [v6+16] = v3": leftover,
      "remove depth = v0": leftover, "swap current = 0 and slot = v5": committedAsOne,
      "swap [v6+16] = v3 and [v6+8] = v0": unseen, "remove restartable to [v6+8] = v0": firstWindow,
      "remove committed": shared,
      "weaken current = local exchange v3": shared,
    ],
  ]

  private static let committedAsOne = "committed stores are made as one"
  private static let otherMinimum = "no call takes so long; found out with a minimum of fewer ticks"
  private static let unrelated = "two places that have nothing to do with each other"
  /// Not equivalent, and found out by no exploration: what that would take.
  private static let unexplored = "NOT EXPLORED: takes "
  private static let afterLoss =
    unexplored + "a handler that finds room right after the stack chunk was lost on another stack"
  private static let firstWindow =
    unexplored + "two handlers in a thread's first window, one on an alternate stack"
  private static let look = "a handler that leaves another window by a jump between two looks"
  private static let emptyEntry =
    "in stubs with a root filter; the same check of the entry is found out in all others"
  private static let room = "how much room is waited for is a matter of choice"
  private static let outwards = "no entry leads inwards; ends the walk over one that was overwritten"
  private static let manyFrames = "no scenario leaves more frames at once than one event can hold (262,143)"
  private static let noSuchDistance = "addresses of frames and distances between them are multiples of 8"
  private static let guess = "a limit between what is near and what is far; nothing lies just there"
  private static let noStackSoLow = "then it compares with 0, and no stack lies in the lowest GiB"
  private static let unseen = "words that nobody else looks at between the two"
  private static let statistic = "a statistic, which may lose a count when threads collide"
  private static let shared = "the same code as in switchWindow and exit, where it is found out"
  private static let stale = "a left-over entry only costs the next call at that address the slow path"
  private static let bound = "bounds a search that ends by itself unless stacks lead in a circle"
  private static let leftover = """
    matters only after a handler was left by a jump out of the same stack, and then only to the number of open frames
    """
}
