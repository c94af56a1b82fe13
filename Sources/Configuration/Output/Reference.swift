// SPDX-License-Identifier: Apache-2.0
internal import Arguments

extension Schema {
    /// The reference of all settings in Markdown. `defaults` is a fresh `Root`.
    func reference(defaults: Root) -> String {
        var blocks = [Self.introduction]
        var section = ""
        for setting in settings {
            let own = setting.path.count > 1 ? String(setting.path[0]) : "general"
            if own != section { blocks.append("## \(own)") }
            section = own
            blocks.append(entry(setting, defaults))
        }
        return blocks.joined(separator: "\n\n") + "\n"
    }

    private static var introduction: String {
        """
        # Configuration reference

        A setting comes from the YAML file, the environment or the command line; the later
        wins. In the environment and on the command line the items of a list are separated
        by commas. An unknown key is an error. Relative paths start at the working directory.

        A secret is written `env:NAME` or `file:PATH`, so that it does not stand in the file.
        """
    }

    private func entry(_ setting: Setting<Root>, _ defaults: Root) -> String {
        let environment = [setting.environmentName] + setting.environmentAliases
        let flags = ([setting.flagName] + setting.flagAliases).map { "--" + $0 }
        return """
            ### `\(setting.key)`

            \(Paragraph.wrap(setting.summary, width: 88))

            - Type: \(setting.typeName)
            - Default: \(defaultText(setting, defaults))
            - Environment: \(code(environment))
            - Flag: \(code(flags))
            """
    }

    private func code(_ words: [String]) -> String { words.map { "`\($0)`" }.joined(separator: ", ") }

    private func defaultText(_ setting: Setting<Root>, _ defaults: Root) -> String {
        switch setting.write(defaults) {
        case .none: setting.unset ?? "none"
        case .one(let text, _): "`\(text)`"
        case .list([], _): "empty"
        case .list(let items, _): code(items)
        }
    }
}
