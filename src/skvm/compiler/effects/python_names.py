"""Names of Python's and well-known libraries' functions by what they do."""

from __future__ import annotations

import sys

__all__ = ["KNOWN", "MOVE", "NETWORK", "ON_PATH", "READ", "SEND", "START", "WRITE"]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


READ = _names("""
read_csv read_excel read_json read_table read_parquet read_sql read_html read_feather read_pickle read_fwf
loadtxt genfromtxt fromfile load_workbook read_text read_bytes PdfReader Presentation Document imread
listdir scandir glob iglob rglob iterdir exists is_file is_dir getsize read_file convert_from_path
""")
"""Functions and methods that read the file they are given."""
WRITE = _names("""
to_csv to_excel to_json to_parquet to_html to_markdown to_feather to_pickle to_sql savefig savetxt savez
write_text write_bytes mkdir makedirs touch unlink rmdir rmtree remove save imwrite write_image
write_html write_file extractall symlink_to removedirs ExcelWriter Canvas SimpleDocTemplate
""")
"""Those that write, make or remove it."""
ON_PATH = _names(
    "write_text write_bytes read_text read_bytes mkdir touch unlink rmdir iterdir is_file is_dir"
)
"""Methods of a path: the file is what stands before the dot."""
MOVE = _names("rename replace copy copy2 copyfile copytree move")
NETWORK = _names("""
requests httpx urllib aiohttp urllib3 http websockets smtplib ftplib paramiko boto3 openai anthropic socket
""")
"""Modules that use the network."""
SEND = _names("post put patch delete request sendmail send_message upload_file")
START = _names("run Popen call check_call check_output system popen getoutput")
"""Functions of ``subprocess`` and ``os`` that start a program."""
KNOWN = frozenset(sys.stdlib_module_names) | _names("""
numpy pandas PIL matplotlib seaborn scipy sklearn statsmodels requests httpx bs4 lxml yaml toml openpyxl docx
pptx pypdf PyPDF2 pdfplumber fitz reportlab dateutil tqdm rich click tabulate jinja2 markdown networkx sympy
pytesseract pdf2image cv2 skimage imageio pydantic typer dotenv pytz feedparser factor_analyzer colorama
aiohttp urllib3 websockets
""")
"""Modules whose functions touch nothing but what is looked for here."""
