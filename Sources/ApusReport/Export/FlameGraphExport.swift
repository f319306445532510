package import ApusTraceFile

/// `export --format flamegraph`: a self-contained SVG. Width is time (or calls, if there are no times),
/// callers stand under what they call; a click zooms, ctrl-F or the field searches, resting on a frame tells
/// its numbers.
package enum FlameGraphExport {
  private static let width = 1200.0
  private static let rowHeight = 17
  private static let margin = 10.0
  /// Narrower frames are left out, with all above them.
  private static let leastWidth = 0.15

  /// Writes the picture.
  package static func write(
    _ reader: TraceReader, threads: ThreadSelection, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    let (nodes, outcome) = reader.callPaths(threads: threads)
    let timed = reader.isTimed && reader.hasReturns
    let tree = CallTree(nodes, byCalls: !timed)
    let names = FunctionNames(reader, demangler)
    let whole = tree.weights[0]
    let scale = whole == 0 ? 0 : (width - 2 * margin) / Double(whole)

    struct Box {
      var node: UInt32
      var x: UInt64
      var depth: Int
    }
    var boxes: [Box] = [Box(node: 0, x: 0, depth: 0)]
    var at = 0
    var deepest = 0
    while at < boxes.count {
      let box = boxes[at]
      at += 1
      deepest = max(deepest, box.depth)
      var x = box.x
      // By name, so that pictures of two recordings can be compared.
      let children = tree.children[Int(box.node)].map { (names.name(tree.nodes[Int($0)].function), $0) }
      for (_, child) in children.sorted(by: { ($0.0, $0.1) < ($1.0, $1.1) }) {
        let weight = tree.weights[Int(child)]
        if Double(weight) * scale >= leastWidth { boxes.append(Box(node: child, x: x, depth: box.depth + 1)) }
        x &+= weight
      }
    }
    let height = (deepest + 1) * rowHeight + 70
    let command = reader.contents.host?.command.joined(separator: " ") ?? reader.path
    sink.write(head(height: height, title: command))
    for box in boxes {
      let node = tree.nodes[Int(box.node)]
      let weight = tree.weights[Int(box.node)]
      let name = box.node == 0 ? "all" : names.name(node.function)
      let x = margin + Double(box.x) * scale
      let boxWidth = max(Double(weight) * scale, leastWidth)
      let y = height - 30 - (box.depth + 1) * rowHeight
      let share = percentText(weight, of: whole)
      let numbers =
        timed ? humanDuration(weight).split(separator: " ").joined(separator: " ") : "\(weight) calls"
      let calls = box.node == 0 || !timed ? "" : ", \(node.calls) calls"
      sink.write(
        "<g class=\"f\"><title>\(escape(name)) (\(numbers), \(share) %\(calls))</title>"
          + "<rect x=\"\(decimal(x))\" y=\"\(y)\" width=\"\(decimal(boxWidth))\" height=\"\(rowHeight - 1)\""
          + " fill=\"\(color(name))\"/>"
          + "<text x=\"\(decimal(x + 3))\" y=\"\(y + 12)\">\(escape(label(name, boxWidth)))</text></g>\n")
      if sink.isClosed { break }
    }
    sink.write("</svg>\n")
    try sink.finish()
    return outcome
  }

  /// As much of a name as fits, at 7 units a letter.
  private static func label(_ name: String, _ width: Double) -> String {
    let room = Int((width - 6) / 7)
    if room < 3 { return "" }
    return name.count <= room ? name : String(name.prefix(room - 2)) + ".."
  }

  /// Two decimals.
  private static func decimal(_ value: Double) -> String {
    let hundredths = UInt64(max(0, value * 100 + 0.5))
    return "\(hundredths / 100).\(padded(hundredths % 100, 2))"
  }

  /// A warm colour that depends on the name only.
  private static func color(_ name: String) -> String {
    var hash: UInt32 = 2_166_136_261
    for byte in name.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    let (a, b, c) = (hash >> 8 & 255, hash >> 16 & 255, hash >> 24)
    return "rgb(\(205 + a * 50 / 255),\(70 + b * 150 / 255),\(40 + c * 40 / 255))"
  }

  static func escape(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      // Control characters are not allowed in XML 1.0.
      case "\u{0}"..<"\u{20}", "\u{FFFE}", "\u{FFFF}": result += "?"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  private static func head(height: Int, title: String) -> String {
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <svg version="1.1" width="\(Int(width))" height="\(height)" viewBox="0 0 \(Int(width)) \(height)" \
    xmlns="http://www.w3.org/2000/svg" onload="start()">
    <style>
    text { font: 12px monospace; fill: #111; pointer-events: none }
    .f rect { stroke: #fff; stroke-width: .4; cursor: pointer }
    .f:hover rect { stroke: #000; stroke-width: 1 }
    .off { opacity: .35 }
    .hit rect { fill: rgb(190,80,230) }
    .title { font: bold 15px sans-serif; text-anchor: middle }
    .link { cursor: pointer; pointer-events: all; text-decoration: underline }
    </style>
    <rect width="100%" height="100%" fill="#f8f6ee"/>
    <text class="title" x="\(Int(width) / 2)" y="22">\(escape(title))</text>
    <text class="link" id="reset" x="\(Int(margin))" y="22" style="display:none" \
    onclick="zoom(all)">whole picture</text>
    <text class="link" x="\(Int(width - margin) - 60)" y="22" onclick="ask()">search</text>
    <text id="say" x="\(Int(margin))" y="\(height - 10)"> </text>
    <script><![CDATA[
    let frames = [], all, W = \(Int(width - 2 * margin)), M = \(Int(margin));
    const $ = id => document.getElementById(id);
    function start() {
      for (const g of document.querySelectorAll('.f')) {
        const [r, t] = [g.querySelector('rect'), g.querySelector('text')];
        const title = g.querySelector('title').textContent;
        const f = { g, r, t, title, name: title.replace(/ \\([^(]*\\)$/, ''),
          x: +r.getAttribute('x'), w: +r.getAttribute('width'), y: +r.getAttribute('y') };
        g.onclick = () => zoom(f);
        g.onmouseover = () => { $('say').textContent = title };
        frames.push(f);
      }
      all = frames[0];
      addEventListener('keydown', e => {
        if ((e.ctrlKey || e.metaKey) && e.key == 'f') { e.preventDefault(); ask() }
      });
    }
    function zoom(to) {
      const k = W / to.w;
      for (const f of frames) {
        const below = f.y > to.y && f.x <= to.x + .01 && f.x + f.w >= to.x + to.w - .01;
        const x = below ? M : M + (f.x - to.x) * k, w = below ? W : f.w * k;
        const seen = below || (f.y <= to.y && x > M - .5 && x + w < M + W + .5);
        f.g.style.display = seen ? '' : 'none';
        f.g.classList.toggle('off', below);
        if (!seen) continue;
        f.r.setAttribute('x', x); f.r.setAttribute('width', Math.max(w, .1)); f.t.setAttribute('x', x + 3);
        const room = Math.floor((w - 6) / 7);
        f.t.textContent = room < 3 ? '' : f.name.length <= room ? f.name : f.name.slice(0, room - 2) + '..';
      }
      $('reset').style.display = to == all ? 'none' : '';
    }
    function ask() {
      const term = prompt('Search for (a regular expression):', '');
      if (term === null) return;
      let re;
      try { re = term && new RegExp(term) } catch (e) {
        $('say').textContent = 'not a regular expression'; return
      }
      let spans = [];
      for (const f of frames) {
        const hit = re && f != all && re.test(f.name);
        f.g.classList.toggle('hit', !!hit);
        if (hit) spans.push([f.x, f.x + f.w]);
      }
      spans.sort((a, b) => a[0] - b[0]);
      let sum = 0, end = 0;
      for (const [a, b] of spans) { sum += Math.max(0, b - Math.max(a, end)); end = Math.max(end, b) }
      $('say').textContent = re ? 'found in ' + (100 * sum / W).toFixed(2) + ' %' : ' ';
    }
    ]]></script>

    """
  }
}
