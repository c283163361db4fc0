/// A certificate and its key, for tests alone: of localhost and 127.0.0.1, valid for a hundred years from 2026-11-26, made by
/// `openssl req -x509 -nodes -newkey ec`.
public enum SampleServerCertificate {
  /// The certificate (PEM).
  public static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBmjCCAUGgAwIBAgIUJKmRgRsdR6r2R1IqMdGN3HMkc24wCgYIKoZIzj0EAwIw
    FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjE5NTQzMVoYDzIxMjYxMTAy
    MTk1NDMxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
    PQMBBwNCAASFoSb7rCHq2WbQi4tXH1UkhDG0SZgu9ieIseP/j2hlLTYKmLb7rvxB
    KtKvZ2spWuWf9atgyWHQDjkTry70LeB2o28wbTAdBgNVHQ4EFgQU+zdmj+caQON/
    A7xPEF6SWqtTTXgwHwYDVR0jBBgwFoAU+zdmj+caQON/A7xPEF6SWqtTTXgwDwYD
    VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
    zj0EAwIDRwAwRAIgfTiLcmpIMVPOSrg9J84N0Uiu2b/2mgQoHa5cHOHIXUgCIAnt
    lgmuij13YBuTR9ZCbW3dSo7SjfMXjx7gC1QuhWE7
    -----END CERTIFICATE-----

    """
  /// Its key (PEM).
  public static let key = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUWxzQaeKhhU1npz3
    045Q8gs/YZdHsyeuHi3U/b+4H7yhRANCAASFoSb7rCHq2WbQi4tXH1UkhDG0SZgu
    9ieIseP/j2hlLTYKmLb7rvxBKtKvZ2spWuWf9atgyWHQDjkTry70LeB2
    -----END PRIVATE KEY-----

    """
}
