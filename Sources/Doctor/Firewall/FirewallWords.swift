// SPDX-License-Identifier: Apache-2.0

/// A firewall's rules as words: one statement for each line or part between semicolons, texts in quotes taken out but for the names
/// of interfaces, sets in braces kept together.
enum FirewallWords {
    static func statements(_ text: String) -> [[String]] {
        var (all, words, depth): ([[String]], [String], Int) = ([], [], 0)
        func end() {
            if !words.isEmpty { all.append(words) }
            (words, depth) = ([], 0)
        }
        for word in split(text) {
            switch word {
            case "\n" where depth > 0: continue
            case "\n", ";": end()
            case "{":
                words.append(word)
                if let first = words.first, ["table", "chain", "set", "map"].contains(first) {
                    end()
                } else {
                    depth += 1
                }
            case "}" where depth > 0:
                words.append(word)
                depth -= 1
            case "}":
                end()
                all.append([word])
            default: words.append(word)
            }
        }
        end()
        return all
    }

    private static func split(_ text: String) -> [String] {
        var (words, word, isComment): ([String], String, Bool) = ([], "", false)
        var quoted: String?
        func end() {
            if !word.isEmpty { words.append(word) }
            word = ""
        }
        for character in text {
            if isComment, character != "\n" { continue }
            if let inside = quoted, character != "\n" {
                // A comment may say anything, an interface is called lo.
                if character == "\"" { if inside == "lo" { words.append(inside) } }
                quoted = character == "\"" ? nil : inside + String(character)
                continue
            }
            switch character {
            case "\"":
                end()
                quoted = ""
            case "#":
                end()
                isComment = true
            case " ", "\t": end()
            case "\n", ";", "{", "}", ",":
                end()
                words.append(String(character))
                (isComment, quoted) = (false, nil)
            default: word.append(character)
            }
        }
        end()
        return words
    }
}
