// SPDX-License-Identifier: Apache-2.0
import Arguments
import Testing

@Suite struct ParsingTests {
    private func parse(_ line: String) -> ParseOutcome {
        sample.parse(line.split(separator: " ", omittingEmptySubsequences: true).map(String.init))
    }

    @Test(arguments: [
        "server -c a.yaml", "server -ca.yaml", "server --config a.yaml", "server --config=a.yaml",
        "-c a.yaml server", "--config=a.yaml server",
    ])
    func `a value may be attached or follow, before or behind the command`(line: String) throws {
        let invocation = try #require(parse(line).invocation)
        #expect(invocation.path == ["server"])
        #expect(invocation["config"] == "a.yaml")
    }

    @Test func `flags, toggles, aliases and repeated options`() throws {
        let line = "server -v --metrics-enabled=false --port 1 --path a --path=b"
        let invocation = try #require(parse(line).invocation)
        #expect(invocation.isSet("verbose"))
        #expect(!invocation.isSet("metrics-enabled") && invocation["metrics-enabled"] == "false")
        #expect(invocation["server-listen-port"] == "1")
        #expect(invocation.values(of: "path") == ["a", "b"])
        #expect(invocation["config"] == nil && !invocation.isSet("config"))
        #expect(invocation.options.map(\.name).first == "verbose")
        #expect(parse("server --metrics-enabled").invocation?.isSet("metrics-enabled") == true)
    }

    @Test func `nested commands take their own options`() throws {
        let invocation = try #require(parse("anti-slashing import -c c.yaml --from f.json --dry-run").invocation)
        #expect(invocation.path == ["anti-slashing", "import"])
        #expect(invocation["from"] == "f.json" && invocation.isSet("dry-run") && invocation["config"] == "c.yaml")
    }

    @Test func `arguments are taken by place, dashes included behind two dashes`() throws {
        #expect(parse("inspect a b c").invocation?.positionals == ["a", "b", "c"])
        #expect(parse("inspect -- -a --b").invocation?.positionals == ["-a", "--b"])
        #expect(parse("inspect -").invocation?.positionals == ["-"])
    }

    @Test func `odd values pass unchanged`() {
        #expect(sample.parse(["server", "--config="]).invocation?["config"] == "")
        #expect(sample.parse(["server", "--config=a=b"]).invocation?["config"] == "a=b")
        #expect(sample.parse(["server", "--config", "-"]).invocation?["config"] == "-")
        #expect(sample.parse(["server", "--config", "-5"]).invocation?["config"] == "-5")
        #expect(sample.parse(["server", "--config=-x"]).invocation?["config"] == "-x")
        #expect(sample.parse(["server", "--config", "two words"]).invocation?["config"] == "two words")
    }

    @Test func `help is given at every level`() throws {
        #expect(parse("--help").helpText?.hasPrefix("chamber: signs") == true)
        #expect(parse("-h").helpText == parse("help").helpText)
        #expect(parse("server -h").helpText?.hasPrefix("chamber server: runs") == true)
        #expect(parse("help server").helpText == parse("server --help").helpText)
        #expect(parse("anti-slashing import --help").helpText?.contains("--from FILE") == true)
        #expect(parse("help anti-slashing").helpText?.contains("takes an interchange file") == true)
    }

    @Test(arguments: ["--version", "-V", "server --version"])
    func `the version is asked for anywhere`(line: String) {
        guard case .version = parse(line) else {
            Issue.record("not the version")
            return
        }
    }

    @Test func `misspellings are answered with the nearest name`() {
        let commands = ["server", "anti-slashing", "inspect", "version"]
        #expect(parse("sevrer").reason == .unknownCommand(word: "sevrer", nearest: "server", choices: commands))
        #expect(parse("xyzzy").reason == .unknownCommand(word: "xyzzy", nearest: nil, choices: commands))
        #expect(parse("server --cofnig a").reason == .unknownOption("--cofnig", nearest: "--config"))
        #expect(
            parse("server --server-listen_prt=1").reason
                == .unknownOption("--server-listen_prt", nearest: "--server-listen-port")
        )
        #expect(parse("server -x").reason == .unknownOption("-x", nearest: nil))
        #expect(parse("server --helf").reason == .unknownOption("--helf", nearest: "--help"))
    }

    @Test func `what is wrong is named`() {
        #expect(parse("").reason == .commandMissing(choices: ["server", "anti-slashing", "inspect", "version"]))
        #expect(parse("anti-slashing").reason == .commandMissing(choices: ["import", "export"]))
        #expect(parse("anti-slashing import").reason == .optionMissing("--from"))
        #expect(parse("server --config").reason == .valueMissing(option: "--config"))
        #expect(parse("server -c --verbose").reason == .valueMissing(option: "-c"))
        #expect(parse("server --verbose=yes").reason == .valueNotTaken(option: "--verbose"))
        #expect(parse("server -vx").reason == .valueNotTaken(option: "-v"))
        #expect(parse("server --metrics-enabled=yes").reason == .notTrueOrFalse(option: "--metrics-enabled"))
        #expect(parse("server -c a --config b").reason == .givenTwice(option: "--config"))
        #expect(parse("server --port 1 --server-listen-port 2").reason == .givenTwice(option: "--server-listen-port"))
        #expect(parse("inspect").reason == .argumentMissing("FILE"))
        #expect(parse("version extra").reason == .unexpectedArgument(number: 2))
    }

    @Test func `an option belongs to its command`() {
        #expect(parse("server --dry-run").reason == .unknownOption("--dry-run", nearest: nil))
        #expect(parse("--verbose server").reason == .unknownOption("--verbose", nearest: nil))
    }

    @Test(arguments: [
        ["version", "hunter2-hunter2"], ["server", "--passwd=hunter2-hunter2"],
        ["server", "--verbose=hunter2-hunter2"],
        ["server", "--config", "a", "--config", "hunter2-hunter2"], ["server", "--metrics-enabled=hunter2-hunter2"],
        ["hunter2 hunter2-hunter2"], ["server", "--hunter2 hunter2-hunter2"], ["server", "-\u{1B}hunter2-hunter2"],
    ])
    func `no error repeats a value`(arguments: [String]) throws {
        let error = try #require(sample.parse(arguments).error)
        #expect(!error.description.contains("hunter2-hunter2") && !error.description.contains("\u{1B}"))
        #expect(error.exitCode == .usage && error.exitCode.rawValue == 2)
    }

    @Test func `an error says what to do, and fits a terminal`() throws {
        let error = try #require(parse("server --cofnig").error)
        #expect(
            error.description == """
                error: there is no option --cofnig
                hint: did you mean --config?
                see: chamber server --help
                """
        )
        for line in ["", "sevrer", "server --config", "anti-slashing", "version 1", "bogus-bogus"] {
            let text = try #require(parse(line).error).description
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
        }
    }

    @Test func `asking for an option that was never declared stops the programmer`() async {
        await #expect(processExitsWith: .failure) {
            _ = sample.parse(["version"]).invocation?["missing"]
        }
    }

    @Test(.timeLimit(.minutes(1))) func `no mix of words crashes the parser`() {
        let words = [
            "server", "anti-slashing", "import", "-c", "-", "--", "---", "--=", "-=", "--config", "--config=", "help",
            "--help", "", " ", "-5", "\u{0}", "é", "--é", "-é", "--metrics-enabled",
            String(repeating: "x", count: 5000),
            "--" + String(repeating: "y", count: 5000),
        ]
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            var line: [String] = []
            for _ in 0..<5 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                line.append(words[Int((state >> 33) % UInt64(words.count))])
            }
            if case .refused(let error) = sample.parse(line) { #expect(!error.description.isEmpty) }
        }
    }
}
