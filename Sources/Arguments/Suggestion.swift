// SPDX-License-Identifier: Apache-2.0

/// What somebody who misspelled a name probably meant.
package enum Suggestion {
    /// The candidate with the fewest edits from `word`, where these are few enough for a slip: a third of its length,
    /// at least two. Of several, the first.
    package static func nearest(to word: String, in candidates: some Sequence<String>) -> String? {
        guard !word.isEmpty, word.utf8.count <= 100 else { return nil }
        let limit = max(2, word.utf8.count / 3)
        var best: (name: String, distance: Int)?
        let folded = folded(word)
        for candidate in candidates where abs(candidate.utf8.count - folded.count) <= limit {
            let distance = distance(folded, self.folded(candidate))
            if distance <= limit, distance < candidate.utf8.count, distance < best?.distance ?? .max {
                best = (candidate, distance)
            }
        }
        return best?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other (optimal string
    /// alignment), regardless of case and of `-` for `_`.
    package static func distance(_ left: String, _ right: String) -> Int { distance(folded(left), folded(right)) }

    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious = [Int](repeating: 0, count: right.count + 1)
        var previous = Array(0...right.count)
        var current = previous
        for i in 0..<left.count {
            current[0] = i + 1
            for j in 0..<right.count {
                var cost = min(
                    previous[j + 1] + 1,
                    current[j] + 1,
                    previous[j] + (left[i] == right[j] ? 0 : 1)
                )
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, beforePrevious[j - 1] + 1)
                }
                current[j + 1] = cost
            }
            swap(&beforePrevious, &previous)
            swap(&previous, &current)
        }
        return previous[right.count]
    }

    private static func folded(_ text: String) -> [UInt8] {
        text.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    }
}
