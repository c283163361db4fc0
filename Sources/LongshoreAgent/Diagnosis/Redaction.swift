/// Takes out of texts what must not be handed on.
enum Redaction {
  /// The text without passwords and keys: libvirt's `passwd` of consoles, the data of QEMU's secrets, and what is named a password or a
  /// token.
  static func redacted(_ text: String) -> String {
    text
      .replacing(#/\bpasswd=(?:'[^']*'|"[^"]*")/#) { _ in "passwd='(removed)'" }
      .replacing(#/"(data|password|passphrase|token)"\s*:\s*"(?:[^"\\]|\\.)*"/#) { "\"\($0.1)\":\"(removed)\"" }
      .replacing(#/\b(password|passphrase|token)=[^\s,;]+/#) { "\($0.1)=(removed)" }
  }
}
