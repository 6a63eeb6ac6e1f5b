"""Contract of speech/engines/phones.py."""

from __future__ import annotations

import pytest

from voxruntime.speech.engines.phones import from_ipa


@pytest.mark.parametrize(
    ("ipa", "language", "phones"),
    [
        ("h_ə_l_ˈoʊ", "en", "HH AH L OW"),
        ("tʃ_ˈɜː_tʃ", "en", "CH ER CH"),
        ("b_ˈʌ_ʔ_n̩", "en", "B AH T AH N"),
        ("s_p_a_sʲ_ˈi_b_ʌ", "ru", "S P AH S IY B AH"),
        ("dʲ_i_rʲ_i_k_t_ˈo_rʲ_i_ju", "ru", "D IH R IH K T AO R IH Y UW"),
        ("(en)_h_ə_l_ˈəʊ_(ru)", "en", "HH AH L OW"),
    ],
)
def test_from_ipa_writes_the_nearest_phones(ipa: str, language: str, phones: str) -> None:
    assert from_ipa(ipa, language) == phones


@pytest.mark.parametrize("ipa", ["", " ", "_", "h_☃_l"])
def test_from_ipa_refuses_what_it_cannot_write(ipa: str) -> None:
    assert from_ipa(ipa, "en") is None
