/// A certificate for tests.
public enum SampleCertificate {
  /// Of the names beta.example.net and 192.0.2.2, valid from 2026-11-26T00:45:06Z to 2126-11-02T00:45:06Z; made by
  /// `openssl req -x509 -nodes -addext subjectAltName=…`, and its key thrown away.
  public static let pem = """
    -----BEGIN CERTIFICATE-----
    MIIBsTCCAVagAwIBAgIUZJ/nJM0CCMoOWEkbd81fP/xmcWAwCgYIKoZIzj0EAwIw
    GzEZMBcGA1UEAwwQYmV0YS5leGFtcGxlLm5ldDAgFw0yNjExMjYwMDQ1MDZaGA8y
    MTI2MTEwMjAwNDUwNlowGzEZMBcGA1UEAwwQYmV0YS5leGFtcGxlLm5ldDBZMBMG
    ByqGSM49AgEGCCqGSM49AwEHA0IABPxjfiJBFLGEM+wPcEXo0wZC9W+Muy16LxY2
    zP7luUEcrWEzi9CMWMDY1RuiG5YNldcMhxdOQyOVAlefKRLNv1yjdjB0MB0GA1Ud
    DgQWBBQIvU5YluydcscWxEfQq6wP03dGazAfBgNVHSMEGDAWgBQIvU5YluydcscW
    xEfQq6wP03dGazAPBgNVHRMBAf8EBTADAQH/MCEGA1UdEQQaMBiCEGJldGEuZXhh
    bXBsZS5uZXSHBMAAAgIwCgYIKoZIzj0EAwIDSQAwRgIhAL34t/0jTeGqj6AHzVvX
    3q0CoOt67LDB/G7hWbJP642CAiEAxxQPkZxTkOw8Pmo2MMbKA7gOlYmeaFNVl8mA
    MBLgpig=
    -----END CERTIFICATE-----

    """
}
