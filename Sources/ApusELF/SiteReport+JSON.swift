package import ApusCore

extension SiteReport {
  /// The report as one JSON object and a line feed.
  ///
  /// `displayName` makes a name for people of a symbol's (demangles it); the symbol itself is `symbol`.
  package func json(displayName: (String) -> String = { $0 }) -> JSONWriter {
    var json = JSONWriter()
    json.object { json in
      json.member("file", fileName)
      json.member("architecture", architecture.rawValue)
      json.member("type", linkage.rawValue)
      json.member("build_id", buildIDText)
      json.array("functions") { json in
        for row in rows { write(row, displayName, to: &json) }
      }
      json.object("summary") { json in
        json.member("functions", functionCount)
        json.member("sites", siteCount)
        json.member("usable", usableCount)
        json.member("unlisted", unlistedCount)
        json.object("refused") { json in
          for (key, count) in refusedCounts { json.member(key, count) }
        }
        json.object("ignored_entries") { json in
          json.member("zero", ignored.zero)
          json.member("out_of_text", ignored.outOfText)
          json.member("duplicate", ignored.duplicate)
        }
        json.member("error", noCallSites?.description)
      }
    }
    return json
  }

  private func write(_ row: Row, _ displayName: (String) -> String, to json: inout JSONWriter) {
    json.object { json in
      json.member("name", displayName(row.function.name))
      json.member("symbol", row.function.name)
      json.member("address", row.function.address)
      json.member("size", row.function.size)
      json.member("kind", row.function.kind.rawValue)
      if let site = row.site {
        json.object("site") { json in
          json.member("kind", site.kind.rawValue)
          json.member("address", site.slot)
          json.member("slot_bytes", site.slotBytes)
          json.member("before_bytes", site.bytesBefore)
          json.member("landing_pad", site.hasLandingPad)
          json.member("listed", site.isListed)
        }
      } else {
        json.key("site")
        json.null()
      }
      json.array("modes") { json in
        for name in row.modes.names { json.value(name) }
      }
      json.member("reason", row.refusal?.description)
    }
  }
}
