// SPDX-License-Identifier: Apache-2.0
internal import YAML

extension Schema {
    /// Every setting with its value and, as a comment, where that comes from: YAML that can be read again, except for
    /// secrets.
    func show(_ values: Root, origins: [String: SettingOrigin]) -> String {
        show(values) { setting in (origins[setting.key] ?? .builtIn).description }
    }

    /// The settings for which `comment` has something to say, with it.
    func show(_ values: Root, comment: (Setting<Root>) -> String?) -> String {
        var text = ""
        var section: [Substring] = []
        for setting in settings {
            guard let comment = comment(setting) else { continue }
            text += headings(of: setting, after: &section)
            text += lines(setting, setting.write(values), comment, indent: setting.path.count - 1)
        }
        return text
    }

    /// The sections that `setting` opens and the one before did not.
    private func headings(of setting: Setting<Root>, after section: inout [Substring]) -> String {
        let own = Array(setting.path.dropLast())
        let common = zip(own, section).prefix { $0 == $1 }.count
        section = own
        return own.indices.dropFirst(common).map { "\(blanks($0))\(own[$0]):\n" }.joined()
    }

    private func lines(_ setting: Setting<Root>, _ value: WrittenValue, _ comment: String, indent: Int) -> String {
        let name = blanks(indent) + (setting.path.last ?? "")
        func scalar(_ text: String, _ isBare: Bool) -> String { isBare ? text : YAMLText.scalar(text) }
        switch value {
        case .none:
            return commented("\(blanks(indent))# \(setting.path.last ?? ""):", "not set: \(setting.unset ?? "")")
        case .one(let text, let isBare): return commented("\(name): \(scalar(text, isBare))", comment)
        case .list([], _): return commented("\(name): []", comment)
        case .list(let items, let isBare):
            return commented("\(name):", comment)
                + items.map { "\(blanks(indent + 1))- \(scalar($0, isBare))\n" }.joined()
        }
    }

    private func commented(_ text: String, _ comment: String) -> String {
        // A path with a line break in it must not end the comment.
        let comment = YAMLText.printable(comment)
        return text + String(repeating: " ", count: max(2, 44 - text.count)) + "# \(comment)\n"
    }

    private func blanks(_ depth: Int) -> String { String(repeating: "  ", count: depth) }
}
