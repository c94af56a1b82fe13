// SPDX-License-Identifier: Apache-2.0

// MARK: Files

extension Examination {
    var files: [Finding] { facts.files.map(judge) + folders }

    private func judge(_ file: HostFacts.FileFact) -> Finding {
        let name = "\(file.role.rawValue): \(file.path)"
        let why = Self.why(file.role)
        let mode = String(file.mode & 0o7777, radix: 8)
        let forbidden: UInt32 = file.role.isPublic ? 0o022 : 0o077
        if file.mode & forbidden != 0 {
            let fix = file.role.isPublic ? "go-w" : file.isFolder ? "700" : "600"
            return .bad(
                name,
                "mode \(mode): others can \(file.role.isPublic ? "write" : "reach") it",
                why: why,
                fix: "chmod \(fix) \(file.path)"
            )
        }
        if knowsUser, file.owner != facts.user, file.owner != 0 {
            return .bad(
                name,
                "belongs to user \(file.owner), the signer is user \(facts.user)",
                why: why,
                fix: "chown \(facts.user) \(file.path)"
            )
        }
        return .ok(name, "mode \(mode)", why: why)
    }

    private static func why(_ role: HostFacts.FileFact.Role) -> String {
        switch role {
        case .keys: "who reads this has the keys, or what opens them"
        case .configuration: "who reads this may learn passwords; who writes it decides what is signed"
        case .record, .state: "who writes this decides what is signed"
        case .sealedKeys: "who writes this decides which keys sign"
        case .audit: "who writes this says what happened"
        case .tlsKey: "who reads this can pretend to be the signer"
        case .tlsCertificate: "who writes this decides as whom the signer shows itself"
        case .clientAuthority, .knownClients: "who writes this decides who may connect"
        }
    }

    // MARK: Folders

    private static let whyFolders = "who writes a folder puts another file in the place of the one that is relied on"

    /// One line for all that are in order, one for each that is not.
    private var folders: [Finding] {
        guard !facts.folders.isEmpty else { return [] }
        let bad = facts.folders.compactMap(fault)
        guard bad.isEmpty else { return bad }
        let count = facts.folders.count
        return [
            .ok(
                "folders",
                "the \(count) that lead to these files are written by their owner only",
                why: Self.whyFolders
            )
        ]
    }

    private func fault(_ folder: HostFacts.FolderFact) -> Finding? {
        let name = "folder: \(folder.path)"
        // A sticky folder's entries are replaced by their owners and its own only.
        let isOwn = folder.owner == 0 || !knowsUser || folder.owner == facts.user
        let isSticky = folder.mode & 0o1000 != 0
        if !isOwn {
            return .bad(
                name,
                "belongs to user \(folder.owner), who can replace what is in it",
                why: Self.whyFolders,
                fix: "chown root \(folder.path)"
            )
        }
        guard folder.mode & 0o022 != 0, !isSticky else { return nil }
        return .bad(
            name,
            "mode \(String(folder.mode & 0o7777, radix: 8)): others can replace what is in it",
            why: Self.whyFolders,
            fix: "chmod go-w \(folder.path)"
        )
    }
}
