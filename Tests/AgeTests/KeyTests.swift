// SPDX-License-Identifier: Apache-2.0
import Age
import Secrets
import Testing

@Suite struct KeyTests {
    @Test func `the identity of the specification has the recipient of the specification`() throws {
        let identity = try Example.identity()
        #expect(identity.recipient.description == Example.recipientText)
        #expect(try AgeRecipient(Example.recipientText) == identity.recipient)
        #expect(identity.text.string == Example.identityText)
    }

    @Test func `a new identity is read again from its text, and is new`() throws {
        let (first, second) = (try AgeIdentity.generate(), try AgeIdentity.generate())
        #expect(first.recipient != second.recipient)
        #expect(first.text.array.count == AgeIdentity.textLength)
        let again = try AgeIdentity(text: first.text.span)
        #expect(again.recipient == first.recipient)
        #expect(again.text.array == first.text.array)
    }

    @Test func `any other character at any place is refused`() {
        func check(_ text: String, _ isTaken: ([UInt8]) -> Bool) {
            let characters = Array(text.utf8)
            #expect(isTaken(characters))
            for place in characters.indices {
                for other in UInt8(0)...0x7f where other != characters[place] {
                    var changed = characters
                    changed[place] = other
                    #expect(!isTaken(changed))
                }
            }
        }
        check(Example.recipientText) { (try? AgeRecipient(String(decoding: $0, as: UTF8.self))) != nil }
        check(Example.identityText) { (try? AgeIdentity(text: $0.span)) != nil }
    }

    @Test func `missing, added and exchanged characters are refused`() {
        func check(_ text: String, _ isTaken: ([UInt8]) -> Bool) {
            let characters = Array(text.utf8)
            for place in characters.indices {
                var changed = characters
                changed.remove(at: place)
                #expect(!isTaken(changed))
                // Bech32's weakness, a q before a last p, is none where the length is fixed.
                for added in characters + [UInt8(ascii: " "), UInt8(ascii: "\n"), 0] {
                    changed = characters
                    changed.insert(added, at: place)
                    #expect(!isTaken(changed))
                }
                guard place > 0, characters[place] != characters[place - 1] else { continue }
                changed = characters
                changed.swapAt(place, place - 1)
                #expect(!isTaken(changed))
            }
            for end in ["\n", "\r\n", " ", "\0"] { #expect(!isTaken(characters + Array(end.utf8))) }
        }
        check(Example.recipientText) { (try? AgeRecipient(String(decoding: $0, as: UTF8.self))) != nil }
        check(Example.identityText) { (try? AgeIdentity(text: $0.span)) != nil }
    }

    @Test(arguments: [
        ("", AgeKeyFlaw.damaged), ("age", .damaged), ("age1", .damaged), ("1", .anotherKind),
        (Example.recipientText.uppercased(), .anotherKind), (Example.identityText, .anotherKind),
        ("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", .anotherKind),
        ("age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e", .anotherKind),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", .anotherKind),
        // A checksum that fits, over bits behind the last byte, 31 bytes and 33 bytes.
        ("age1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc03q6rzrf", .damaged),
        ("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqar9jk6", .damaged),
        ("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzhlqeg", .damaged),
        // 0, 1, 2²⁵⁵ - 20 and two of order eight.
        ("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z", .weak),
        ("age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya", .weak),
        ("age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m", .weak),
        ("age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9", .weak),
        ("age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8", .weak),
        // 2²⁵⁵ - 19, one and nine more, 2²⁵⁵ - 1, and 9 with the highest bit.
        ("age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy", .notCanonical),
        ("age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv", .notCanonical),
        ("age17mlllllllllllllllllllllllllllllllllllllllllllllllalsxajvgg", .notCanonical),
        ("age1lllllllllllllllllllllllllllllllllllllllllllllllllalsjzdrvv", .notCanonical),
        ("age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqyr3apl", .notCanonical),
    ])
    func `what is no recipient is refused by name`(_ text: String, _ flaw: AgeKeyFlaw) {
        #expect(throws: AgeError.recipient(flaw, number: nil)) { _ = try AgeRecipient(text) }
    }

    @Test(arguments: [
        // 9, and the highest number that a key can be: 2²⁵⁵ - 21.
        "age1pyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq8r66x",
        "age1a0lllllllllllllllllllllllllllllllllllllllllllllllals8ppj25",
    ])
    func `numbers at the border are taken`(_ text: String) throws {
        #expect(try AgeRecipient(text).description == text)
    }

    @Test(arguments: [
        (Example.identityText.lowercased(), AgeKeyFlaw.anotherKind), (Example.recipientText, .anotherKind),
        ("AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG", .anotherKind),
        ("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPPG0UGY5", .damaged),
        ("", .damaged), ("AGE-SECRET-KEY-1", .damaged),
    ])
    func `what is no identity is refused by name`(_ text: String, _ flaw: AgeKeyFlaw) {
        #expect(throws: AgeError.identity(flaw, line: nil)) { _ = try AgeIdentity.of(text) }
    }

    @Test func `recipients keep their order`() throws {
        let texts = try (0..<20).map { _ in try AgeIdentity.generate().recipient.description }
        #expect(try AgeRecipients(texts: texts).list.map(\.description) == texts)
    }

    @Test func `no recipient stands twice, and there is one at least`() throws {
        let others = try (0..<3).map { _ in try AgeIdentity.generate().recipient }
        let recipient = try AgeRecipient(Example.recipientText)
        #expect(throws: AgeError.duplicateRecipient(recipient, number: 4)) {
            _ = try AgeRecipients([others[0], recipient, others[1], recipient, others[2]])
        }
        #expect(throws: AgeError.recipient(.damaged, number: 2)) {
            _ = try AgeRecipients(texts: [Example.recipientText, Example.recipientText + "q"])
        }
        #expect(throws: AgeError.noRecipients) { _ = try AgeRecipients([]) }
    }

    @Test func `there are no more recipients than are read`() throws {
        let many = try (0...AgeRecipients.limit).map { _ in try AgeIdentity.generate() }
        let recipients = many.map(\.recipient)
        #expect(throws: AgeError.tooManyRecipients(count: 257, limit: 256)) { _ = try AgeRecipients(recipients) }
        let file = try Example.encrypt([7], to: AgeRecipients(recipients.dropLast()))
        #expect(try Example.decrypt(file, with: [many[255]]) == [7])
    }

    @Test func `no refusal says anything of a key's text`() throws {
        let text = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEY"
        var said: [String] = []
        do { _ = try AgeIdentity.of(text) } catch { said.append("\(error)") }
        do { _ = try AgeRecipients(texts: [text]) } catch { said.append("\(error)") }
        do { _ = try AgeIdentityFile.of("# a\n\(text)\n") } catch { said.append("\(error)") }
        #expect(said.count == 3 && !said.contains { $0.contains("GFPYY") })
        #expect(said[2].contains("line 2"))
    }
}

@Suite struct IdentityFileTests {
    @Test(arguments: ["\n", "\r\n"]) func `comments and empty lines are left out`(_ end: String) throws {
        let other = try AgeIdentity.generate()
        let lines = [
            "# created: 2023-11-14T22:13:20Z", "", "# public key: \(Example.recipientText)", Example.identityText, "#",
            "#\u{e9}", other.text.string,
        ]
        for text in [lines.joined(separator: end), lines.joined(separator: end) + end] {
            let file = try AgeIdentityFile.of(text)
            #expect(file.identities.map(\.recipient.description) == [Example.recipientText, "\(other.recipient)"])
        }
    }

    @Test func `a file is read again as it was written`() throws {
        let file = try AgeIdentityFile([Example.identity(), .generate()])
        let text = file.text.string
        #expect(text.hasPrefix("# public key: \(Example.recipientText)\n\(Example.identityText)\n# public key: age1"))
        #expect(text.split(separator: "\n").count == 4 && text.hasSuffix("\n"))
        #expect(try AgeIdentityFile.of(text).identities.map(\.recipient) == file.identities.map(\.recipient))
    }

    @Test(arguments: [
        (" \(Example.identityText)", 1), ("\n\(Example.identityText) \n", 2), ("#\n#\n\t\n", 3),
        ("\(Example.identityText)\r\r\n", 1), ("\(Example.identityText)\n\(Example.recipientText)", 2),
        (" # comment", 1),
    ])
    func `anything else is refused with its line`(_ text: String, _ line: Int) {
        let error = #expect(throws: AgeError.self) { _ = try AgeIdentityFile.of(text) }
        guard case .identity(_, line)? = error else {
            Issue.record("\(error as Any)")
            return
        }
    }

    @Test(arguments: ["", "\n", "# nothing\n"]) func `a file without an identity is refused`(_ text: String) {
        #expect(throws: AgeError.noIdentities) { _ = try AgeIdentityFile.of(text) }
    }

    @Test(arguments: [false, true]) func `a protected file opens with its passphrase`(_ armored: Bool) throws {
        let text = try AgeIdentityFile([Example.identity()]).text
        let file = try AgeFile.encrypt(text.span, passphrase: .of("a word"), workFactor: 2, armored: armored)
        let areProtected = (AgeIdentityFile.isProtected(text.span), AgeIdentityFile.isProtected(file.span))
        #expect(areProtected == (false, true))
        let opened = try AgeIdentityFile(protected: file.span, passphrase: .of("a word"))
        #expect(opened.identities.map(\.recipient.description) == [Example.recipientText])
        #expect(throws: AgeError.wrongPassphrase) {
            _ = try AgeIdentityFile(protected: file.span, passphrase: .of("another word"))
        }
    }
}
