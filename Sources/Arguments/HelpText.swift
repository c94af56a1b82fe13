// SPDX-License-Identifier: Apache-2.0

/// Help for the command at the end of a path, on eighty columns.
enum HelpText {
    static func of(_ path: [Command]) -> String {
        let command = path[path.count - 1]
        let name = path.map(\.name).joined(separator: " ")
        var blocks = [Paragraph.wrap("\(name): \(command.summary)", hanging: 2)]
        if !command.discussion.isEmpty { blocks.append(paragraphs(command.discussion)) }
        blocks.append("USAGE\n" + Paragraph.wrap(usage(path), indent: 2, hanging: 6))
        blocks += list("COMMANDS", command.subcommands.map { ($0.name, $0.summary) })
        blocks += list("ARGUMENTS", command.positionals.map { ($0.name, $0.summary) })
        blocks += optionLists(path.flatMap(\.options))
        if !command.examples.isEmpty { blocks.append("EXAMPLES\n" + examples(command.examples)) }
        blocks.append(
            "EXIT STATUS\n"
                + Paragraph.wrap(
                    "0 done; 1 could not be done; 2 command line or configuration not understood",
                    indent: 2,
                    hanging: 2
                )
        )
        return blocks.joined(separator: "\n\n") + "\n"
    }

    private static func paragraphs(_ text: String) -> String {
        text.split(separator: "\n\n").map { Paragraph.wrap(String($0)) }.joined(separator: "\n\n")
    }

    private static func usage(_ path: [Command]) -> String {
        let command = path[path.count - 1]
        let options = path.flatMap(\.options)
        var words = path.map(\.name)
        words += options.filter(\.isRequired).map(term(inUsage:))
        if options.contains(where: { !$0.isRequired }) { words.append("[OPTIONS]") }
        if !command.subcommands.isEmpty { words.append("COMMAND") }
        words += command.positionals.map { positional in
            let name = positional.name + (positional.isRepeatable ? "..." : "")
            return positional.isRequired ? name : "[\(name)]"
        }
        return words.joined(separator: " ")
    }

    private static func term(inUsage option: Option) -> String {
        if case .value(let placeholder) = option.kind { "--\(option.name) \(placeholder)" } else { "--\(option.name)" }
    }

    private static func optionLists(_ options: [Option]) -> [String] {
        var sections: [String] = []
        for case let section? in options.map(\.section) where !sections.contains(section) { sections.append(section) }
        let general = options.filter { $0.section == nil }.map(row) + [("-h, --help", "Prints this help")]
        return list("OPTIONS", general)
            + sections.flatMap { section in
                list(section.uppercased(), options.filter { $0.section == section }.map(row))
            }
    }

    private static func row(_ option: Option) -> (String, String) {
        var term = option.short.map { "-\($0), " } ?? ""
        term += "--\(option.name)"
        switch option.kind {
        case .flag: break
        case .value(let placeholder): term += " \(placeholder)"
        case .toggle: term += "[=true|false]"
        }
        let notes = (option.isRequired ? ["required"] : []) + (option.isRepeatable ? ["may be repeated"] : [])
        return (term, option.summary + (notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))"))
    }

    private static func list(_ title: String, _ rows: [(term: String, text: String)]) -> [String] {
        guard !rows.isEmpty else { return [] }
        let column = min(28, (rows.map(\.term.count).max() ?? 0) + 4)
        return [([title] + rows.map { Paragraph.row($0.term, $0.text, column: column) }).joined(separator: "\n")]
    }

    /// The command can be copied: a long one is continued with backslashes.
    private static func examples(_ examples: [Example]) -> String {
        examples.map { example in
            let lines = Paragraph.wrap(example.command, hanging: 4, width: Paragraph.width - 6).split(separator: "\n")
            return Paragraph.wrap("# " + example.purpose, indent: 2, hanging: 4) + "\n  "
                + lines.joined(separator: " \\\n  ")
        }.joined(separator: "\n\n")
    }
}
